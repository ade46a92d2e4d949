//! The 12 groups of the sample tenant.

use serde_json::json;

use super::{
    GroupSeed, MemberRef,
    devices::{Device, Platform},
    object,
    people::Person,
    seeded::Seeded,
};

/// How a group's members are found.
enum Rule {
    /// The people of one department.
    Department(&'static str),
    Devices(fn(&Device) -> bool),
    /// So many devices drawn by chance, and the first few people of one department.
    Drawn {
        devices: usize,
        people: usize,
        department: &'static str,
    },
    /// Other groups, by display name.
    Groups([&'static str; 2]),
}

/// Display name, description and members. A group of groups stands after its members.
const GROUPS: [(&str, &str, Rule); 12] = [
    (
        "Engineering",
        "Everyone in Engineering",
        Rule::Department("Engineering"),
    ),
    (
        "Information Technology",
        "Everyone in IT",
        Rule::Department("Information Technology"),
    ),
    ("Sales", "Everyone in Sales", Rule::Department("Sales")),
    (
        "Finance",
        "Everyone in Finance",
        Rule::Department("Finance"),
    ),
    (
        "Customer Support",
        "Everyone in Customer Support",
        Rule::Department("Customer Support"),
    ),
    (
        "All Windows Devices",
        "Every managed Windows computer",
        Rule::Devices(|device| device.platform == Platform::Windows),
    ),
    (
        "All Macs",
        "Every managed Mac",
        Rule::Devices(|device| device.platform == Platform::MacOs),
    ),
    (
        "All Linux Devices",
        "Every managed Linux workstation and server",
        Rule::Devices(|device| device.platform == Platform::Linux),
    ),
    (
        "Linux Servers",
        "Production servers, which nobody signs in to",
        Rule::Devices(|device| device.is_server),
    ),
    (
        "macOS and Linux",
        "Every device that runs shell scripts",
        Rule::Groups(["All Macs", "All Linux Devices"]),
    ),
    (
        "Pilot Ring",
        "Gets each script a week before everyone else",
        Rule::Drawn {
            devices: 24,
            people: 6,
            department: "Information Technology",
        },
    ),
    (
        "Script Exclusions",
        "Kiosks and laboratory devices that no baseline script may change",
        Rule::Drawn {
            devices: 10,
            people: 0,
            department: "",
        },
    ),
];

/// Every group with its direct members.
pub(super) fn groups(seed: u64, people: &[Person], devices: &[Device]) -> Vec<GroupSeed> {
    GROUPS
        .iter()
        .map(|(display_name, description, rule)| {
            let label = format!("group/{display_name}");
            GroupSeed {
                object: object(json!({
                    "id": Seeded::guid(seed, &label),
                    "displayName": display_name,
                    "description": description,
                    "mailEnabled": false,
                    "mailNickname": display_name.replace(' ', ""),
                    "securityEnabled": true,
                })),
                members: members(rule, Seeded::new(seed, &label), people, devices),
            }
        })
        .collect()
}

fn members(
    rule: &Rule,
    mut chance: Seeded,
    people: &[Person],
    devices: &[Device],
) -> Vec<MemberRef> {
    let of_department = |name: &'static str| {
        let positions = people.iter().enumerate();
        positions
            .filter(move |(_, person)| person.department == name)
            .map(|(user, _)| user)
    };
    match rule {
        Rule::Department(name) => of_department(name).map(MemberRef::User).collect(),
        Rule::Devices(belongs) => {
            let positions = devices.iter().enumerate();
            positions
                .filter(|(_, device)| belongs(device))
                .map(|(i, _)| MemberRef::Device(i))
                .collect()
        }
        Rule::Drawn {
            devices: count,
            people: staff,
            department,
        } => {
            let mut left: Vec<usize> = (0..devices.len()).collect();
            let mut drawn = Vec::new();
            while drawn.len() < *count && !left.is_empty() {
                let bound = u32::try_from(left.len()).unwrap_or(u32::MAX);
                drawn.push(left.swap_remove(chance.below(bound) as usize));
            }
            drawn.sort_unstable();
            let users = of_department(department).take(*staff).map(MemberRef::User);
            drawn
                .into_iter()
                .map(MemberRef::Device)
                .chain(users)
                .collect()
        }
        Rule::Groups(names) => names
            .iter()
            .filter_map(|name| GROUPS.iter().position(|(other, ..)| other == name))
            .map(MemberRef::Group)
            .collect(),
    }
}
