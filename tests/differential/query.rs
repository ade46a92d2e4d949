//! Query options, by the descriptions of the types.

use runstate_odata::edm::{Property, StructuredType, Type};
use runstate_testkit::Seeded;

/// Texts in which letters of all kinds, quotes and wildcards meet; as they stand in a URL.
const TEXTS: &[&str] = &[
    "Alpha",
    "alpha",
    "ALPHA beta",
    "beta",
    "%C3%A9t%C3%A9",
    "%C3%89T%C3%89",
    "stra%C3%9Fe",
    "a%25b",
    "a_b",
    "o''hara",
    "",
    "%20",
    "10",
    "9",
    "%F0%9F%90%A7",
    "Z",
];

/// Date-times around the test servers' clock.
const DATES: &[&str] = &[
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.0000001Z",
    "2025-12-31T16:00:00-08:00",
    "2017-01-01T00:02:58.4418045-08:00",
    "9999-12-31T23:59:59.9999999Z",
    "0001-01-01T00:00:00Z",
];

/// Whether what happens one time in so many happens now.
pub(crate) fn one_in(random: &mut Seeded, times: usize) -> bool {
    random.below(times) == 0
}

/// The options of a list, with the question mark; none now and then.
pub(crate) fn list(random: &mut Seeded, ty: &'static StructuredType) -> String {
    let mut options = Vec::new();
    if one_in(random, 2) {
        options.push(format!("$filter={}", filter(random, ty, 0)));
    }
    if one_in(random, 2) {
        options.push(format!("$orderby={}", orderby(random, ty)));
    }
    if one_in(random, 3) {
        options.push(format!("$top={}", random.below(9)));
    }
    if one_in(random, 5) {
        options.push(format!("$skip={}", random.below(6)));
    }
    if one_in(random, 3) {
        options.push("$count=true".to_owned());
    }
    if one_in(random, 6) {
        options.push(format!(
            "$search=%22{}%22",
            random.one_of(&["alpha", "b", "ß", "10"])
        ));
    }
    options.extend(shape(random, ty));
    join(&options)
}

/// The options of one entity.
pub(crate) fn entity(random: &mut Seeded, ty: &'static StructuredType) -> String {
    join(&shape(random, ty))
}

fn join(options: &[String]) -> String {
    let options = options.join("&").replace(' ', "%20").replace('ß', "%C3%9F");
    match options.is_empty() {
        true => options,
        false => format!("?{options}"),
    }
}

/// `$select` and `$expand`.
fn shape(random: &mut Seeded, ty: &'static StructuredType) -> Vec<String> {
    let mut options = Vec::new();
    if one_in(random, 4) {
        let names = (0..1 + random.below(3)).map(|_| random.one_of(ty.properties).name);
        let names: Vec<_> = names.collect();
        options.push(format!("$select={}", names.join(",")));
    }
    let expandable: Vec<_> = ty.navigation.iter().filter(|n| n.expandable).collect();
    if one_in(random, 4) && !expandable.is_empty() {
        let navigation = random.one_of(&expandable);
        let mut nested = Vec::new();
        if navigation.collection && one_in(random, 2) {
            nested.push(format!("$top={}", 1 + random.below(3)));
        }
        if navigation.collection && one_in(random, 2) {
            nested.push("$count=true".to_owned());
        }
        if navigation.collection && one_in(random, 2) {
            nested.push(format!("$orderby={}", orderby(random, navigation.target)));
        }
        let nested = match nested.is_empty() {
            true => String::new(),
            false => format!("({})", nested.join(";")),
        };
        options.push(format!("$expand={}{nested}", navigation.name));
    }
    options
}

fn orderby(random: &mut Seeded, ty: &'static StructuredType) -> String {
    let sortable: Vec<_> = plain(ty).collect();
    let key = |random: &mut Seeded| {
        let property = random.one_of(&sortable);
        let direction = *random.one_of(&["", " desc", " asc"]);
        match property.ty {
            Type::String if one_in(random, 4) => format!("tolower({}){direction}", property.name),
            Type::String if one_in(random, 6) => format!("length({}){direction}", property.name),
            _ => format!("{}{direction}", property.name),
        }
    };
    let mut keys = vec![key(random)];
    if one_in(random, 3) {
        keys.push(key(random));
    }
    keys.join(",")
}

/// Properties that stand for one value which can be compared.
fn plain(ty: &'static StructuredType) -> impl Iterator<Item = &'static Property> {
    let is_plain = |property: &&'static Property| {
        let is_comparable = !matches!(
            property.ty,
            Type::Binary | Type::Guid | Type::Complex(_) | Type::Duration
        );
        property.stored && !property.collection && is_comparable
    };
    ty.properties.iter().copied().filter(is_plain)
}

/// A condition; `depth` keeps it from growing for ever.
fn filter(random: &mut Seeded, ty: &'static StructuredType, depth: usize) -> String {
    if depth < 2 && one_in(random, 3) {
        let (one, other) = (filter(random, ty, depth + 1), filter(random, ty, depth + 1));
        return match random.below(3) {
            0 => format!("({one}) and ({other})"),
            1 => format!("({one}) or ({other})"),
            _ => format!("not ({one})"),
        };
    }
    let comparable: Vec<_> = plain(ty).collect();
    let property = random.one_of(&comparable);
    let name = property.name;
    let operator = *random.one_of(&["eq", "ne", "lt", "le", "gt", "ge"]);
    if property.nullable && one_in(random, 8) {
        return format!("{name} {} null", random.one_of(&["eq", "ne"]));
    }
    match property.ty {
        Type::String => text(random, name, operator),
        Type::Boolean => format!(
            "{name} {} {}",
            random.one_of(&["eq", "ne"]),
            one_in(random, 2)
        ),
        Type::Int32 | Type::Int64 => match random.below(4) {
            0 => format!("{name} in ({}, {})", random.below(4), random.below(200)),
            1 => format!("{name} mod 3 eq {}", random.below(3)),
            2 => format!("{name} add 1 {operator} {}", random.below(20)),
            _ => format!("{name} {operator} {}", random.below(200)),
        },
        Type::DateTimeOffset => match random.below(3) {
            0 => format!("year({name}) {operator} {}", 2016 + random.below(12)),
            1 => format!("date({name}) {operator} 2026-01-0{}", 1 + random.below(4)),
            _ => format!("{name} {operator} {}", random.one_of(DATES)),
        },
        Type::Enum(ty) => {
            let member = random.one_of(ty.members).0;
            match random.below(3) {
                0 => format!("{name} in ('{member}', '{}')", random.one_of(ty.members).0),
                _ => format!("{name} {} '{member}'", random.one_of(&["eq", "ne"])),
            }
        }
        Type::Binary | Type::Guid | Type::Complex(_) | Type::Duration => format!("{name} ne null"),
    }
}

fn text(random: &mut Seeded, name: &str, operator: &str) -> String {
    let text = *random.one_of(TEXTS);
    match random.below(8) {
        0 => format!("contains({name}, '{text}')"),
        1 => format!("startswith({name}, '{text}')"),
        2 => format!("endswith({name}, '{text}')"),
        3 => format!("tolower({name}) eq tolower('{text}')"),
        4 => format!("indexof({name}, '{text}') {operator} {}", random.below(3)),
        5 => format!("length({name}) {operator} {}", random.below(9)),
        6 => format!("concat(substring({name}, 1), 'x') {operator} '{text}x'"),
        _ => format!("{name} {operator} '{text}'"),
    }
}
