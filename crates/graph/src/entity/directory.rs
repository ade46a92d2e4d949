//! Users and groups: enough to be targeted, listed and expanded.

use runstate_odata::edm::{Acts, NavigationProperty, Property, StructuredType, Type};

use super::{ENTITY, ID, LONGEST_NAME};

static DISPLAY_NAME: Property = Property::new("displayName", Type::String)
    .searchable()
    .at_most(LONGEST_NAME);
static USER_PRINCIPAL_NAME: Property = Property::new("userPrincipalName", Type::String)
    .searchable()
    .at_most(LONGEST_NAME);
static MAIL: Property = Property::new("mail", Type::String).searchable();
static GIVEN_NAME: Property = Property::new("givenName", Type::String).searchable();
static SURNAME: Property = Property::new("surname", Type::String).searchable();
static JOB_TITLE: Property = Property::new("jobTitle", Type::String);
static DEPARTMENT: Property = Property::new("department", Type::String);
static PASSWORD: Property = Property::new("password", Type::String);
static FORCE_CHANGE: Property = Property::new("forceChangePasswordNextSignIn", Type::Boolean);
static FORCE_CHANGE_WITH_MFA: Property =
    Property::new("forceChangePasswordNextSignInWithMfa", Type::Boolean);

/// The password of a new user, which Graph's clients must give. Nobody signs in here, so it is kept
/// nowhere.
///
/// Source: Graph beta, passwordProfile.
pub static PASSWORD_PROFILE: StructuredType = StructuredType::complex(
    "passwordProfile",
    &[&PASSWORD, &FORCE_CHANGE, &FORCE_CHANGE_WITH_MFA],
);
static PASSWORD_PROFILE_: Property =
    Property::new("passwordProfile", Type::Complex(&PASSWORD_PROFILE)).unstored();
static OFFICE_LOCATION: Property = Property::new("officeLocation", Type::String);
static MOBILE_PHONE: Property = Property::new("mobilePhone", Type::String);
static PREFERRED_LANGUAGE: Property = Property::new("preferredLanguage", Type::String);
static ACCOUNT_ENABLED: Property = Property::new("accountEnabled", Type::Boolean);
static DESCRIPTION: Property = Property::new("description", Type::String).searchable();
static MAIL_ENABLED: Property = Property::new("mailEnabled", Type::Boolean);
static MAIL_NICKNAME: Property = Property::new("mailNickname", Type::String);
static SECURITY_ENABLED: Property = Property::new("securityEnabled", Type::Boolean);
static GROUP_TYPES: Property = Property::new("groupTypes", Type::String).many();
/// Dynamic membership is not served, so this is null; clients such as IntuneCD select it.
static MEMBERSHIP_RULE: Property = Property::new("membershipRule", Type::String).computed();
static CREATED: Property = Property::new("createdDateTime", Type::DateTimeOffset).computed();

/// What a group may hold: a user, a group, a device.
///
/// Source: Graph beta, directoryObject; `displayName` is added so that members can be named.
pub static DIRECTORY_OBJECT: StructuredType = StructuredType {
    derived: &[&USER, &GROUP, &super::MANAGED_DEVICE],
    ..StructuredType::entity("directoryObject", &ENTITY, &[&ID, &DISPLAY_NAME])
};

/// A user.
///
/// Source: Graph beta, user.
pub static USER: StructuredType = StructuredType::entity(
    "user",
    &DIRECTORY_OBJECT,
    &[
        &ID,
        &DISPLAY_NAME,
        &USER_PRINCIPAL_NAME,
        &MAIL,
        &GIVEN_NAME,
        &SURNAME,
        &JOB_TITLE,
        &DEPARTMENT,
        &OFFICE_LOCATION,
        &MOBILE_PHONE,
        &PREFERRED_LANGUAGE,
        &ACCOUNT_ENABLED,
        &MAIL_NICKNAME,
        &PASSWORD_PROFILE_,
    ],
);

static MEMBERS: NavigationProperty = NavigationProperty::links(
    "members",
    &DIRECTORY_OBJECT,
    Acts {
        reference: true,
        ..Acts::READ
    },
);
static TRANSITIVE_MEMBERS: NavigationProperty = NavigationProperty {
    expandable: false,
    ..NavigationProperty::links("transitiveMembers", &DIRECTORY_OBJECT, Acts::READ)
};

/// A group of users, devices and groups.
///
/// Source: Graph beta, group.
pub static GROUP: StructuredType = StructuredType {
    navigation: &[&MEMBERS, &TRANSITIVE_MEMBERS],
    ..StructuredType::entity(
        "group",
        &DIRECTORY_OBJECT,
        &[
            &ID,
            &DISPLAY_NAME,
            &DESCRIPTION,
            &CREATED,
            &GROUP_TYPES,
            &MAIL_ENABLED,
            &MAIL_NICKNAME,
            &MEMBERSHIP_RULE,
            &SECURITY_ENABLED,
        ],
    )
};
