//! That an application be told of changes.

use runstate_odata::edm::{Action, Acts, NavigationProperty, Property, StructuredType, Type};

use super::{ENTITY, ID};

/// The longest URL that is taken, in characters.
const LONGEST_URL: u32 = 2048;
/// The longest `clientState`, as Graph has it.
const LONGEST_CLIENT_STATE: u32 = 255;

static APPLICATION_ID: Property = Property::new("applicationId", Type::String)
    .required()
    .computed();
static CHANGE_TYPE: Property = Property::new("changeType", Type::String)
    .required()
    .create_only();
static CLIENT_STATE: Property = Property::new("clientState", Type::String)
    .create_only()
    .at_most(LONGEST_CLIENT_STATE);
static CREATOR_ID: Property = Property::new("creatorId", Type::String)
    .required()
    .computed();
static ENCRYPTION_CERTIFICATE: Property =
    Property::new("encryptionCertificate", Type::String).unstored();
static ENCRYPTION_CERTIFICATE_ID: Property =
    Property::new("encryptionCertificateId", Type::String).unstored();
static EXPIRATION: Property = Property::new("expirationDateTime", Type::DateTimeOffset).required();
static INCLUDE_RESOURCE_DATA: Property =
    Property::new("includeResourceData", Type::Boolean).create_only();
static LATEST_TLS: Property = Property::new("latestSupportedTlsVersion", Type::String)
    .create_only()
    .at_most(8);
static LIFECYCLE_URL: Property = Property::new("lifecycleNotificationUrl", Type::String)
    .create_only()
    .at_most(LONGEST_URL);
static CONTENT_TYPE: Property = Property::new("notificationContentType", Type::String)
    .create_only()
    .at_most(64);
static QUERY_OPTIONS: Property = Property::new("notificationQueryOptions", Type::String).unstored();
static URL: Property = Property::new("notificationUrl", Type::String)
    .required()
    .create_only()
    .at_most(LONGEST_URL);
static URL_APP_ID: Property = Property::new("notificationUrlAppId", Type::String).unstored();
static RESOURCE: Property = Property::new("resource", Type::String)
    .required()
    .create_only()
    .at_most(LONGEST_URL);

/// That an application be told of changes: of a collection of scripts, of one script, or of a script's
/// run states. Notifications hold no resource data, so there is nothing to encrypt, and no query
/// options narrow them down.
///
/// Source: Graph beta, subscription resource type.
pub static SUBSCRIPTION: StructuredType = StructuredType {
    actions: &[&REAUTHORIZE],
    ..StructuredType::entity(
        "subscription",
        &ENTITY,
        &[
            &ID,
            &APPLICATION_ID,
            &CHANGE_TYPE,
            &CLIENT_STATE,
            &CREATOR_ID,
            &ENCRYPTION_CERTIFICATE,
            &ENCRYPTION_CERTIFICATE_ID,
            &EXPIRATION,
            &INCLUDE_RESOURCE_DATA,
            &LATEST_TLS,
            &LIFECYCLE_URL,
            &CONTENT_TYPE,
            &QUERY_OPTIONS,
            &URL,
            &URL_APP_ID,
            &RESOURCE,
        ],
    )
};

/// Shows that the application may still read what it is told of.
///
/// Source: Graph beta, subscription: reauthorize.
pub static REAUTHORIZE: Action = Action {
    name: "reauthorize",
    parameters: &[],
    returns: None,
};

/// What stands in the answer to the creation of a subscription, and nowhere else: the secret with which
/// its notifications are signed.
pub const SECRET_ANNOTATION: &str = "@runstate.notificationSecret";

/// All subscriptions.
pub(super) static SUBSCRIPTIONS: NavigationProperty =
    NavigationProperty::contained("subscriptions", &SUBSCRIPTION, Acts::ALL);
