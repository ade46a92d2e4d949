// The entities of Runstate that the comparison needs, with the same properties.

type RunState : String(16) enum { unknown; success; fail; scriptError; pending; notApplicable; }

entity ManagedDevices {
  key id                    : String(36);
  userId                    : String(36);
  deviceName                : String(1024);
  managedDeviceName         : String(1024);
  managedDeviceOwnerType    : String(32);
  ownerType                 : String(32);
  enrolledDateTime          : Timestamp;
  lastSyncDateTime          : Timestamp;
  operatingSystem           : String(64);
  osVersion                 : String(64);
  deviceType                : String(32);
  complianceState           : String(32);
  managementAgent           : String(64);
  managementState           : String(32);
  deviceRegistrationState   : String(32);
  azureADRegistered         : Boolean;
  azureADDeviceId           : String(36);
  aadRegistered             : Boolean;
  emailAddress              : String(255);
  userPrincipalName         : String(1024);
  userDisplayName           : String(255);
  model                     : String(255);
  manufacturer              : String(255);
  serialNumber              : String(64);
  imei                      : String(32);
  meid                      : String(32);
  wiFiMacAddress            : String(16);
  ethernetMacAddress        : String(16);
  processorArchitecture     : String(16);
  totalStorageSpaceInBytes  : Integer64;
  freeStorageSpaceInBytes   : Integer64;
  physicalMemoryInBytes     : Integer64;
  isEncrypted               : Boolean;
  isSupervised              : Boolean;
  jailBroken                : String(32);
  notes                     : String(1024);
  skuFamily                 : String(64);
  skuNumber                 : Integer;
  deviceCategoryDisplayName : String(255);
  roleScopeTagIds           : array of String;
}

entity DeviceRunStates {
  key id                  : String(80);
  scriptId                : String(36);
  managedDevice           : Association to ManagedDevices;
  runState                : RunState;
  resultMessage           : String(5000);
  lastStateUpdateDateTime : Timestamp;
  errorCode               : Integer;
  errorDescription        : String(5000);
}

@path: '/beta/deviceManagement'
service FleetService {
  entity managedDevices as projection on ManagedDevices;
  entity deviceRunStates as projection on DeviceRunStates;
}
