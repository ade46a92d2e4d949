//! A device that is managed.

use runstate_odata::edm::{Acts, NavigationProperty, Property, StructuredType, Type};

use super::{
    COMPLIANCE_STATE, DEVICE_REGISTRATION_STATE, DEVICE_TYPE, ENTITY, ID, LONGEST_NAME,
    MANAGED_DEVICE_ARCHITECTURE, MANAGED_DEVICE_OWNER_TYPE, MANAGEMENT_AGENT_TYPE,
    MANAGEMENT_STATE, OWNER_TYPE, USER,
    enrollment::{ASSIGNED_SCRIPTS, REPORT_INVENTORY, RETIRE},
};

macro_rules! properties {
    ($($name:ident = $wire:literal: $ty:expr $(, $build:ident $(($limit:expr))?)*;)+) => {
        $(static $name: Property = Property::new($wire, $ty)$(.$build($($limit)?))*;)+
        static PROPERTIES: &[&Property] = &[&ID, $(&$name),+];
    };
}

properties! {
    USER_ID = "userId": Type::String;
    DEVICE_NAME = "deviceName": Type::String, searchable, at_most(LONGEST_NAME);
    MANAGED_DEVICE_NAME = "managedDeviceName": Type::String, searchable;
    MANAGED_DEVICE_OWNER = "managedDeviceOwnerType": Type::Enum(&MANAGED_DEVICE_OWNER_TYPE);
    OWNER = "ownerType": Type::Enum(&OWNER_TYPE);
    ENROLLED = "enrolledDateTime": Type::DateTimeOffset;
    LAST_SYNC = "lastSyncDateTime": Type::DateTimeOffset;
    OPERATING_SYSTEM = "operatingSystem": Type::String;
    OS_VERSION = "osVersion": Type::String;
    DEVICE_TYPE_ = "deviceType": Type::Enum(&DEVICE_TYPE);
    COMPLIANCE_STATE_ = "complianceState": Type::Enum(&COMPLIANCE_STATE);
    MANAGEMENT_AGENT = "managementAgent": Type::Enum(&MANAGEMENT_AGENT_TYPE);
    MANAGEMENT_STATE_ = "managementState": Type::Enum(&MANAGEMENT_STATE);
    REGISTRATION_STATE = "deviceRegistrationState": Type::Enum(&DEVICE_REGISTRATION_STATE);
    AZURE_AD_REGISTERED = "azureADRegistered": Type::Boolean;
    AZURE_AD_DEVICE_ID = "azureADDeviceId": Type::String;
    AAD_REGISTERED = "aadRegistered": Type::Boolean;
    EMAIL_ADDRESS = "emailAddress": Type::String;
    USER_PRINCIPAL_NAME = "userPrincipalName": Type::String, searchable;
    USER_DISPLAY_NAME = "userDisplayName": Type::String, searchable;
    MODEL = "model": Type::String;
    MANUFACTURER = "manufacturer": Type::String;
    SERIAL_NUMBER = "serialNumber": Type::String, searchable;
    IMEI = "imei": Type::String;
    MEID = "meid": Type::String;
    WI_FI_MAC_ADDRESS = "wiFiMacAddress": Type::String;
    ETHERNET_MAC_ADDRESS = "ethernetMacAddress": Type::String;
    ARCHITECTURE = "processorArchitecture": Type::Enum(&MANAGED_DEVICE_ARCHITECTURE);
    TOTAL_STORAGE = "totalStorageSpaceInBytes": Type::Int64;
    FREE_STORAGE = "freeStorageSpaceInBytes": Type::Int64;
    PHYSICAL_MEMORY = "physicalMemoryInBytes": Type::Int64;
    IS_ENCRYPTED = "isEncrypted": Type::Boolean;
    IS_SUPERVISED = "isSupervised": Type::Boolean;
    JAIL_BROKEN = "jailBroken": Type::String;
    NOTES = "notes": Type::String;
    SKU_FAMILY = "skuFamily": Type::String;
    SKU_NUMBER = "skuNumber": Type::Int32;
    DEVICE_CATEGORY = "deviceCategoryDisplayName": Type::String;
    ROLE_SCOPE_TAG_IDS = "roleScopeTagIds": Type::String, many;
}

static USERS: NavigationProperty = NavigationProperty::links("users", &USER, Acts::READ);

/// A device that is managed.
///
/// Source: Graph beta, managedDevice; the properties that targeting, reports and people need.
pub static MANAGED_DEVICE: StructuredType = StructuredType {
    navigation: &[&USERS, &ASSIGNED_SCRIPTS],
    actions: &[&RETIRE, &REPORT_INVENTORY],
    ..StructuredType::entity("managedDevice", &ENTITY, PROPERTIES)
};

/// The same where it is only looked at: behind a run state, and below `/v1.0`, which has no device
/// management scripts.
pub(super) static MANAGED_DEVICE_ALONE: StructuredType = StructuredType {
    navigation: &[&USERS],
    ..StructuredType::entity("managedDevice", &ENTITY, PROPERTIES)
};
