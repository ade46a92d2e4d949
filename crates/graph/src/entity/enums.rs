//! Enumerations, with the values that Graph's `$metadata` gives them.

use runstate_odata::edm::EnumType;

macro_rules! enumeration {
    ($(#[$doc:meta])* $name:ident = $wire:literal { $($member:literal = $value:literal),+ $(,)? }) => {
        $(#[$doc])*
        pub static $name: EnumType =
            EnumType { name: $wire, members: &[$(($member, $value)),+], flags: false };
    };
}

enumeration! {
    /// How a run ended.
    RUN_STATE = "runState" {
        "unknown" = 0, "success" = 1, "fail" = 2, "scriptError" = 3, "pending" = 4,
        "notApplicable" = 5,
    }
}
enumeration! {
    /// Under which account a script runs.
    RUN_AS_ACCOUNT_TYPE = "runAsAccountType" { "system" = 0, "user" = 1 }
}
enumeration! {
    /// The type of a custom attribute's value.
    DEVICE_CUSTOM_ATTRIBUTE_VALUE_TYPE = "deviceCustomAttributeValueType" {
        "integer" = 0, "string" = 1, "dateTime" = 2,
    }
}
enumeration! {
    /// What an assignment filter does with the devices that it matches.
    FILTER_TYPE = "deviceAndAppManagementAssignmentFilterType" {
        "none" = 0, "include" = 1, "exclude" = 2,
    }
}
enumeration! {
    /// Where an assignment comes from.
    ASSIGNMENT_SOURCE = "deviceAndAppManagementAssignmentSource" { "direct" = 0, "policySets" = 1 }
}
enumeration! {
    /// Whom a scope tag group's assignment reaches.
    TARGET_TYPE = "deviceAndAppManagementAssignmentTargetType" { "user" = 0, "device" = 1 }
}
enumeration! {
    /// Who owns a device, as Intune records it.
    MANAGED_DEVICE_OWNER_TYPE = "managedDeviceOwnerType" {
        "unknown" = 0, "company" = 1, "personal" = 2, "unknownFutureValue" = 3,
    }
}
enumeration! {
    /// Who owns a device.
    OWNER_TYPE = "ownerType" { "unknown" = 0, "company" = 1, "personal" = 2 }
}
enumeration! {
    /// What kind of machine a device is.
    DEVICE_TYPE = "deviceType" {
        "desktop" = 0, "windowsRT" = 1, "winMO6" = 2, "nokia" = 3, "windowsPhone" = 4, "mac" = 5,
        "winCE" = 6, "winEmbedded" = 7, "iPhone" = 8, "iPad" = 9, "iPod" = 10, "android" = 11,
        "iSocConsumer" = 12, "unix" = 13, "macMDM" = 14, "holoLens" = 15, "surfaceHub" = 16,
        "androidForWork" = 17, "androidEnterprise" = 18, "windows10x" = 19, "androidnGMS" = 20,
        "chromeOS" = 21, "linux" = 22, "visionOS" = 23, "tvOS" = 24, "blackberry" = 100,
        "palm" = 101, "unknown" = 255, "cloudPC" = 257,
    }
}
enumeration! {
    /// Whether a device complies with its policies.
    COMPLIANCE_STATE = "complianceState" {
        "unknown" = 0, "compliant" = 1, "noncompliant" = 2, "conflict" = 3, "error" = 4,
        "inGracePeriod" = 254, "configManager" = 255,
    }
}
enumeration! {
    /// What manages a device.
    MANAGEMENT_AGENT_TYPE = "managementAgentType" {
        "eas" = 1, "mdm" = 2, "easMdm" = 3, "intuneClient" = 4, "easIntuneClient" = 5,
        "configurationManagerClient" = 8, "configurationManagerClientMdm" = 10,
        "configurationManagerClientMdmEas" = 11, "unknown" = 16, "jamf" = 32,
        "googleCloudDevicePolicyController" = 64, "microsoft365ManagedMdm" = 258, "msSense" = 1024,
        "intuneAosp" = 2048, "google" = 4096, "unknownFutureValue" = 4097,
    }
}
enumeration! {
    /// Where a device stands in being managed.
    MANAGEMENT_STATE = "managementState" {
        "managed" = 0, "retirePending" = 1, "retireFailed" = 2, "wipePending" = 3, "wipeFailed" = 4,
        "unhealthy" = 5, "deletePending" = 6, "retireIssued" = 7, "wipeIssued" = 8,
        "wipeCanceled" = 9, "retireCanceled" = 10, "discovered" = 11, "unknownFutureValue" = 12,
    }
}
enumeration! {
    /// Where a device stands in being registered.
    DEVICE_REGISTRATION_STATE = "deviceRegistrationState" {
        "notRegistered" = 0, "registered" = 2, "revoked" = 3, "keyConflict" = 4,
        "approvalPending" = 5, "certificateReset" = 6, "notRegisteredPendingEnrollment" = 7,
        "unknown" = 8,
    }
}
enumeration! {
    /// A processor's architecture.
    MANAGED_DEVICE_ARCHITECTURE = "managedDeviceArchitecture" {
        "unknown" = 0, "x86" = 1, "x64" = 2, "arm" = 3, "arM64" = 4,
    }
}
enumeration! {
    /// The platform of the devices that an assignment filter is for.
    DEVICE_PLATFORM_TYPE = "devicePlatformType" {
        "android" = 0, "androidForWork" = 1, "iOS" = 2, "macOS" = 3, "windowsPhone81" = 4,
        "windows81AndLater" = 5, "windows10AndLater" = 6, "androidWorkProfile" = 7, "unknown" = 8,
        "androidAOSP" = 9, "androidMobileApplicationManagement" = 10,
        "iOSMobileApplicationManagement" = 11, "unknownFutureValue" = 12,
        "windowsMobileApplicationManagement" = 13,
    }
}
enumeration! {
    /// What an assignment filter looks at.
    ASSIGNMENT_FILTER_MANAGEMENT_TYPE = "assignmentFilterManagementType" {
        "devices" = 0, "apps" = 1, "unknownFutureValue" = 2,
    }
}
