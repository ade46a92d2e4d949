//! The people of the sample tenant, 240 unless it is to be of another size, and where they work.

use std::collections::HashSet;

use serde_json::json;

use super::{
    Object, object,
    seeded::Seeded,
    size::{Size, shares},
};

/// A place of work, and what its clocks differ from UTC by.
pub(super) struct Site {
    pub(super) code: &'static str,
    pub(super) offset_minutes: i64,
    pub(super) time_zone: &'static str,
}

/// None of these places moves its clocks in summer, so that one distance is right all year.
const SITES: [Site; 5] = [
    Site {
        code: "PHX",
        offset_minutes: -420,
        time_zone: "America/Phoenix",
    },
    Site {
        code: "SAO",
        offset_minutes: -180,
        time_zone: "America/Sao_Paulo",
    },
    Site {
        code: "REK",
        offset_minutes: 0,
        time_zone: "Atlantic/Reykjavik",
    },
    Site {
        code: "PNQ",
        offset_minutes: 330,
        time_zone: "Asia/Kolkata",
    },
    Site {
        code: "SIN",
        offset_minutes: 480,
        time_zone: "Asia/Singapore",
    },
];

/// Where servers stand: their clocks keep UTC.
pub(super) const DATA_CENTRE: Site = Site {
    code: "DC1",
    offset_minutes: 0,
    time_zone: "Etc/UTC",
};

/// A department: how many people it has, and how many devices of each platform they use.
pub(super) struct Department {
    pub(super) name: &'static str,
    people: u32,
    pub(super) windows: u32,
    pub(super) macos: u32,
    pub(super) linux: u32,
    job_titles: [&'static str; 4],
}

const fn department(
    name: &'static str,
    people: u32,
    [windows, macos, linux]: [u32; 3],
    job_titles: [&'static str; 4],
) -> Department {
    Department {
        name,
        people,
        windows,
        macos,
        linux,
        job_titles,
    }
}

/// 240 people, with 160 Windows computers, 80 Macs and 30 Linux workstations between them.
pub(super) const DEPARTMENTS: [Department; 10] = [
    department(
        "Engineering",
        56,
        [16, 28, 22],
        [
            "Software Engineer",
            "Senior Software Engineer",
            "Test Engineer",
            "Engineering Manager",
        ],
    ),
    department(
        "Information Technology",
        18,
        [14, 6, 8],
        [
            "Systems Administrator",
            "Endpoint Engineer",
            "Service Desk Analyst",
            "IT Manager",
        ],
    ),
    department(
        "Sales",
        38,
        [34, 6, 0],
        [
            "Account Executive",
            "Sales Engineer",
            "Sales Representative",
            "Regional Sales Manager",
        ],
    ),
    department(
        "Customer Support",
        28,
        [28, 0, 0],
        [
            "Support Agent",
            "Senior Support Agent",
            "Escalation Engineer",
            "Support Team Lead",
        ],
    ),
    department(
        "Finance",
        22,
        [24, 0, 0],
        [
            "Accountant",
            "Financial Analyst",
            "Payroll Specialist",
            "Controller",
        ],
    ),
    department(
        "Operations",
        24,
        [22, 6, 0],
        [
            "Operations Analyst",
            "Logistics Coordinator",
            "Facilities Manager",
            "Buyer",
        ],
    ),
    department(
        "Human Resources",
        12,
        [10, 2, 0],
        [
            "Recruiter",
            "HR Business Partner",
            "Learning Specialist",
            "HR Coordinator",
        ],
    ),
    department(
        "Marketing",
        18,
        [4, 13, 0],
        [
            "Content Strategist",
            "Product Marketer",
            "Campaign Manager",
            "Events Manager",
        ],
    ),
    department(
        "Design",
        16,
        [1, 18, 0],
        [
            "Product Designer",
            "Visual Designer",
            "User Researcher",
            "Design Lead",
        ],
    ),
    department(
        "Legal",
        8,
        [7, 1, 0],
        [
            "Legal Counsel",
            "Paralegal",
            "Compliance Officer",
            "Contracts Manager",
        ],
    ),
];

const GIVEN_NAMES: [&str; 80] = [
    "Aaliyah",
    "Adaeze",
    "Ahmed",
    "Aiko",
    "Alejandra",
    "Amara",
    "Anders",
    "Anneliese",
    "Arjun",
    "Beatriz",
    "Bongani",
    "Camille",
    "Carlos",
    "Chiara",
    "Daniel",
    "Deepika",
    "Diego",
    "Dmitri",
    "Ebony",
    "Elif",
    "Emeka",
    "Esther",
    "Fatima",
    "Felix",
    "Finn",
    "Gabriela",
    "Giorgos",
    "Grace",
    "Hana",
    "Hassan",
    "Henrik",
    "Imani",
    "Ingrid",
    "Isabel",
    "Ivan",
    "Jamal",
    "Jean-Luc",
    "Jin",
    "Joana",
    "Kamala",
    "Kenji",
    "Kofi",
    "Lars",
    "Layla",
    "Leilani",
    "Liam",
    "Lucía",
    "Mateo",
    "Mei",
    "Miriam",
    "Mohammed",
    "Nadia",
    "Naomi",
    "Ngozi",
    "Noah",
    "Olga",
    "Omar",
    "Paolo",
    "Priya",
    "Rania",
    "Ravi",
    "Renée",
    "Rosa",
    "Samuel",
    "Sanjay",
    "Siobhán",
    "Sofia",
    "Søren",
    "Tariq",
    "Thandiwe",
    "Tomás",
    "Uma",
    "Valentina",
    "Viktor",
    "Wei",
    "Yara",
    "Yusuf",
    "Zainab",
    "Zoë",
    "Zsófia",
];

const SURNAMES: [&str; 80] = [
    "Abebe",
    "Achebe",
    "Aguilar",
    "Ahmadi",
    "Ali",
    "Andersson",
    "Banerjee",
    "Bauer",
    "Begum",
    "Bianchi",
    "Carvalho",
    "Chaudhary",
    "Chen",
    "Cohen",
    "Da Silva",
    "Demir",
    "Diallo",
    "Dubois",
    "Dvořák",
    "Eze",
    "Farah",
    "Fernández",
    "Fischer",
    "Garcia",
    "Goldberg",
    "Gupta",
    "Haddad",
    "Hansen",
    "Hernández",
    "Hughes",
    "Ibrahim",
    "Ito",
    "Ivanova",
    "Iyer",
    "Jackson",
    "Jensen",
    "Johnson",
    "Kang",
    "Kaplan",
    "Kaya",
    "Khan",
    "Kim",
    "Kovács",
    "Kowalski",
    "Kumar",
    "Lefèvre",
    "Li",
    "Lindqvist",
    "López",
    "Mahmoud",
    "Marino",
    "Mbeki",
    "Mensah",
    "Meyer",
    "Molina",
    "Moreau",
    "Müller",
    "Nakamura",
    "Nguyen",
    "Novak",
    "O’Brien",
    "Okafor",
    "Olsen",
    "Osei",
    "Papadopoulos",
    "Park",
    "Patel",
    "Pereira",
    "Petrov",
    "Ramírez",
    "Reddy",
    "Rossi",
    "Sato",
    "Schneider",
    "Singh",
    "Smith",
    "Suzuki",
    "Tanaka",
    "Williams",
    "Zhang",
];

/// A person, with what the devices and groups need to know beside the Graph object.
pub(super) struct Person {
    pub(super) object: Object,
    pub(super) id: String,
    pub(super) department: &'static str,
    pub(super) given_name: &'static str,
    pub(super) display_name: String,
    /// The part of the address before the `@`; the name of the local account, too.
    pub(super) alias: String,
    pub(super) address: String,
    pub(super) site: &'static Site,
}

/// Everyone, department by department.
pub(super) fn people(seed: u64, size: Size) -> Vec<Person> {
    let mut taken = HashSet::new();
    let mut people = Vec::new();
    let usual: Vec<u32> = DEPARTMENTS
        .iter()
        .map(|department| department.people)
        .collect();
    for (department, count) in DEPARTMENTS.iter().zip(shares(&usual, size.users)) {
        for _ in 0..count {
            let label = format!("user/{}", people.len());
            people.push(person(seed, &label, department, &mut taken));
        }
    }
    people
}

/// After how many names that others have a person gets one with a number.
const NAMES_TRIED: u32 = 32;

fn person(
    seed: u64,
    label: &str,
    department: &'static Department,
    taken: &mut HashSet<String>,
) -> Person {
    let mut chance = Seeded::new(seed, label);
    // 6,400 names for 240 people: a free one is found soon. Where there are many more, names come
    // twice, and the address has a number.
    let mut tries = 0_u32;
    let (given_name, surname, alias) = loop {
        let given_name = *chance.pick(&GIVEN_NAMES);
        let surname = *chance.pick(&SURNAMES);
        let mut alias = format!("{}.{}", in_ascii(given_name), in_ascii(surname));
        if tries >= NAMES_TRIED {
            alias = format!("{alias}{}", tries.saturating_sub(NAMES_TRIED) + 2);
        }
        if taken.insert(alias.clone()) {
            break (given_name, surname, alias);
        }
        tries += 1;
    };
    let id = Seeded::guid(seed, label);
    let display_name = format!("{given_name} {surname}");
    let address = format!("{alias}@contoso.example");
    let site = chance.pick(&SITES);
    let object = object(json!({
        "id": id,
        "displayName": display_name,
        "givenName": given_name,
        "surname": surname,
        "userPrincipalName": address,
        "mail": address,
        "jobTitle": chance.pick(&department.job_titles),
        "department": department.name,
        "accountEnabled": !chance.percent(3),
    }));
    Person {
        object,
        id,
        department: department.name,
        given_name,
        display_name,
        alias,
        address,
        site,
    }
}

/// A name as it stands in an address: lower case, without accents, spaces and apostrophes.
fn in_ascii(name: &str) -> String {
    name.chars()
        .flat_map(char::to_lowercase)
        .filter_map(|letter| match letter {
            'á' => Some('a'),
            'è' | 'é' | 'ë' => Some('e'),
            'í' => Some('i'),
            'ó' | 'ø' => Some('o'),
            'ü' => Some('u'),
            'ř' => Some('r'),
            other => (other.is_ascii_alphanumeric() || other == '-').then_some(other),
        })
        .collect()
}
