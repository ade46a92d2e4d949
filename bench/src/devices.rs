//! The devices of a generated file.

use rusqlite::{Connection, params};

use crate::{
    failure::Outcome,
    fleet::{Fleet, TENANT},
    generate::FORM,
    random::mix,
};

/// What a device is: operating system, its versions, models, maker, `deviceType`, name's beginning.
struct Kind {
    system: &'static str,
    versions: [&'static str; 3],
    models: [&'static str; 3],
    maker: &'static str,
    device_type: i64,
    prefix: &'static str,
}

/// Shell scripts run on these two.
const KINDS: [Kind; 2] = [
    Kind {
        system: "macOS",
        versions: ["15.5 (24F74)", "14.7.6 (23H626)", "13.7.6 (22H625)"],
        models: [
            "MacBook Air (M3)",
            "MacBook Pro (14-inch, M4)",
            "Mac mini (M2)",
        ],
        maker: "Apple",
        device_type: 14,
        prefix: "MAC",
    },
    Kind {
        system: "Linux",
        versions: ["Ubuntu 24.04.2 LTS", "Debian 12.11", "Ubuntu 22.04.5 LTS"],
        models: [
            "ThinkPad X1 Carbon Gen 12",
            "Latitude 7450",
            "PowerEdge R660",
        ],
        maker: "Lenovo",
        device_type: 22,
        prefix: "LNX",
    },
];

const GIVEN: [&str; 16] = [
    "amara", "bjorn", "chidi", "dalia", "elif", "farid", "greta", "hugo", "ines", "jonas", "kavya",
    "liam", "mei", "noor", "oskar", "petra",
];
const FAMILY: [&str; 16] = [
    "adeyemi", "bauer", "costa", "dubois", "eriksen", "fischer", "garcia", "haddad", "ito",
    "jansen", "kowalski", "larsen", "moreau", "novak", "okafor", "patel",
];

/// Adds every device, in the order of ids and keys.
pub(crate) fn insert(connection: &Connection, fleet: Fleet) -> Outcome {
    let mut insert = connection.prepare(
        "INSERT INTO managed_device (pk, id, version, tenant_id, user_id, device_name, \
         managed_device_name, managed_device_owner_type, owner_type, enrolled_date_time, \
         enrolled_date_time_form, last_sync_date_time, last_sync_date_time_form, \
         operating_system, os_version, device_type, compliance_state, management_agent, \
         management_state, device_registration_state, azure_ad_registered, azure_ad_device_id, \
         aad_registered, email_address, user_principal_name, user_display_name, model, \
         manufacturer, serial_number, wi_fi_mac_address, ethernet_mac_address, \
         processor_architecture, total_storage_space_in_bytes, free_storage_space_in_bytes, \
         physical_memory_in_bytes, is_encrypted, is_supervised, jail_broken, role_scope_tag_ids) \
         VALUES (?1, ?2, 1, ?3, ?4, ?5, ?5, 1, 1, ?6, ?7, ?8, ?7, ?9, ?10, ?11, ?12, 2, 0, 2, 1, \
         ?13, 1, ?14, ?14, ?15, ?16, ?17, ?18, ?19, ?20, 2, ?21, ?22, ?23, ?24, 0, 'Unknown', \
         '[\"0\"]')",
    )?;
    for device in 0..fleet.devices {
        let chance = mix(device ^ 0x00de_71ce);
        let [kind, version, model, given, family] =
            [0, 1, 2, 3, 4].map(|at| usize::try_from((chance >> (at * 8)) & 0xff).unwrap_or(0));
        let kind = pick(&KINDS, kind);
        let (given, family) = (*pick(&GIVEN, given), *pick(&FAMILY, family));
        let principal = format!("{given}.{family}.{device}@fleet.example");
        // Enrolled within a year before 2026, and in touch on its last day.
        let enrolled = 17_356_896_000_000_000 + i64::try_from(mix(chance) % 300_000_000_000_000)?;
        let sync = 17_671_392_000_000_000 + i64::try_from(mix(chance ^ 1) % 864_000_000_000)?;
        let total = 256_000_000_000_i64 << (chance % 3);
        insert.execute(params![
            i64::try_from(device)? + 1,
            fleet.device_id(device),
            TENANT,
            format!(
                "{:08x}-0000-4000-8000-{:012x}",
                device,
                chance & 0xffff_ffff_ffff
            ),
            format!("{}-{:05}-{}", kind.prefix, device, family.to_uppercase()),
            enrolled,
            FORM,
            sync,
            kind.system,
            *pick(&kind.versions, version),
            kind.device_type,
            i64::from(chance.is_multiple_of(20)) + 1,
            format!(
                "{:08x}-0001-4000-8000-{:012x}",
                device,
                mix(chance) & 0xffff_ffff_ffff
            ),
            principal,
            format!("{given} {family}"),
            *pick(&kind.models, model),
            kind.maker,
            format!("{:012X}", mix(chance ^ 2) & 0xffff_ffff_ffff),
            format!("{:012X}", mix(chance ^ 3) & 0xffff_ffff_ffff),
            format!("{:012X}", mix(chance ^ 4) & 0xffff_ffff_ffff),
            total,
            i64::try_from(mix(chance ^ 5) % 200_000_000_000)?,
            17_179_869_184_i64 << (chance % 2),
            i64::from(!chance.is_multiple_of(16)),
        ])?;
    }
    Ok(())
}

/// The element at that position, counted round and round.
#[expect(
    clippy::indexing_slicing,
    reason = "a remainder is below its divisor, and the lists above are not empty"
)]
fn pick<T, const N: usize>(list: &[T; N], at: usize) -> &T {
    &list[at % N]
}
