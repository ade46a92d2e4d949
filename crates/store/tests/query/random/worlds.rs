//! Random entities: few, with many values in common, nulls, and texts that are easy to get wrong.

use std::sync::LazyLock;

use runstate_graph::entity::{
    ASSIGNMENT, DEVICE_SHELL_SCRIPT, DEVICE_STATE, GROUP_ASSIGNMENT, MANAGED_DEVICE, RUN_SUMMARY,
    USER, USER_STATE,
};
use runstate_odata::edm::{Duration, EnumType, Property, Record, StructuredType, Type, Value};

use crate::{
    tape::Tape,
    world::{World, instant, text},
};

/// They differ at and behind the 200th character, behind which sorting does not look.
pub(super) static LONG: LazyLock<[String; 6]> = LazyLock::new(|| {
    let (a, wide) = ("a".repeat(199), "😀".repeat(199));
    [
        format!("{a}b"),
        format!("{a}bb"),
        format!("{a}ba{a}"),
        format!("{a}c"),
        format!("{wide}äz"),
        format!("{wide}äa"),
    ]
});

pub(super) const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "b",
    "ab",
    "Ä",
    "ä",
    "ß",
    "SS",
    "İ",
    " x ",
    "\u{a0}x\u{3000}",
    "ΟΔΟΣ",
    "οδος",
    "😀",
    "a😀b",
    "%",
    "_",
    "O'Neil",
    "\u{fffd}",
    "g1",
    "0",
];

/// Some are one instant, written with different offsets.
pub(super) const INSTANTS: &[&str] = &[
    "2017-01-01T00:02:58.4418045-08:00",
    "2017-01-01T08:02:58.4418045Z",
    "2017-01-01T08:02:58.4418046Z",
    "2017-01-01T00:00:00+14:00",
    "1601-01-01T00:00:00Z",
    "9999-12-31T23:59:59.9999999Z",
];

pub(super) const NUMBERS: &[i32] = &[0, 1, -1, 2, 5, i32::MIN, i32::MAX];

pub(super) const DURATIONS: &[&str] = &["PT1H", "PT60M", "P1D", "-PT5S", "P1W", "PT0S"];

/// The entities of a tenant. The first shell script has most of them.
pub(super) fn world(tape: &mut Tape<'_>) -> World {
    let mut world = World::default();
    let users: Vec<usize> = (0..tape.below(4))
        .map(|number| world.add(entity(tape, &USER, &format!("u{number}"))))
        .collect();
    let devices: Vec<usize> = (0..tape.below(5))
        .map(|number| device(&mut world, tape, number, &users))
        .collect();
    for number in 0..1 + tape.below(4) {
        let script = world.add(entity(
            tape,
            &DEVICE_SHELL_SCRIPT,
            &format!("script{number}"),
        ));
        let mut own = |tape: &mut Tape<'_>, navigation, ty, id: String| {
            let at = world.add(entity(tape, ty, &id));
            world.link(script, navigation, at);
            at
        };
        own(tape, "runSummary", &RUN_SUMMARY, format!("r{number}"));
        for each in 0..tape.below(5) {
            own(tape, "assignments", &ASSIGNMENT, format!("a{each}"));
        }
        for each in 0..tape.below(3) {
            own(
                tape,
                "groupAssignments",
                &GROUP_ASSIGNMENT,
                format!("g{each}"),
            );
        }
        let user_states: Vec<usize> = (0..tape.below(4))
            .map(|each| own(tape, "userRunStates", &USER_STATE, format!("u{each}")))
            .collect();
        for state in user_states {
            states(&mut world, tape, state, 4, &devices);
        }
        let many = if number == 0 { 12 } else { 4 };
        states(&mut world, tape, script, many, &devices);
    }
    world
}

/// Leaves no link to a run state that is not the device's.
pub(super) fn hide_others(world: &mut World, device: &str) {
    let of_device = |world: &World, at: usize| {
        let device_of = world.linked(at, "managedDevice").first();
        device_of.is_some_and(|of| world.entities[*of].record.get("id").as_str() == Some(device))
    };
    let seen: Vec<bool> = (0..world.entities.len())
        .map(|at| world.entities[at].record.ty != &DEVICE_STATE || of_device(world, at))
        .collect();
    for entity in &mut world.entities {
        for (_, ends) in &mut entity.links {
            ends.retain(|end| seen[*end]);
        }
    }
}

fn states(world: &mut World, tape: &mut Tape<'_>, owner: usize, many: usize, devices: &[usize]) {
    for number in 0..tape.below(many + 1) {
        let id = format!("{}{number}", tape.pick(&["s", "S", "é", "😀"]));
        let state = world.add(entity(tape, &DEVICE_STATE, &id));
        world.link(owner, "deviceRunStates", state);
        if !devices.is_empty() && tape.below(4) > 0 {
            world.link(state, "managedDevice", tape.pick(devices));
        }
    }
}

fn device(world: &mut World, tape: &mut Tape<'_>, number: usize, users: &[usize]) -> usize {
    let mut device = entity(tape, &MANAGED_DEVICE, &format!("d{number}"));
    let user = (!users.is_empty() && tape.below(4) > 0).then(|| tape.pick(users));
    let user_id = match user {
        Some(user) => world.entities[user].record.get("id").clone(),
        None => tape.pick(&[Value::Null, text("nobody")]),
    };
    device.set("userId", user_id);
    let device = world.add(device);
    if let Some(user) = user {
        world.link(device, "users", user);
    }
    device
}

/// An instance with a random value for every property that is stored.
fn entity(tape: &mut Tape<'_>, ty: &'static StructuredType, id: &str) -> Record {
    let mut record = Record::new(ty);
    for property in ty.properties.iter().filter(|property| property.stored) {
        record.set(property.name, value(tape, property));
    }
    record.set("id", text(id));
    record
}

fn value(tape: &mut Tape<'_>, property: &Property) -> Value {
    if property.collection {
        let items = (0..tape.below(3)).map(|_| text(tape.pick(&["0", "a", "ä"])));
        return Value::Collection(items.collect());
    }
    if property.nullable && tape.below(4) == 0 {
        return Value::Null;
    }
    match property.ty {
        Type::String => text(any_text(tape)),
        Type::Boolean => Value::Boolean(tape.below(2) == 1),
        Type::Int32 => Value::Int32(tape.pick(NUMBERS)),
        Type::Int64 => Value::Int64(tape.pick(&[1, 5, 1 << 40])),
        Type::DateTimeOffset => instant(tape.pick(INSTANTS)),
        Type::Duration => Value::Duration(Duration::parse(tape.pick(DURATIONS)).unwrap()),
        Type::Guid => text("0f8fad5b-d9cb-469f-a165-70867728950e"),
        Type::Binary => Value::Binary(vec![0, 255]),
        Type::Enum(ty) => Value::Enum(any_member(tape, ty)),
        Type::Complex(base) => {
            let ty = tape.pick(base.derived);
            let mut complex = Record::new(ty);
            for part in ty.properties {
                complex.set(part.name, value(tape, part));
            }
            Value::Complex(Box::new(complex))
        }
    }
}

/// Often one of the first few, so that values meet.
pub(super) fn any_text(tape: &mut Tape<'_>) -> &'static str {
    match tape.below(8) {
        0..3 => tape.pick(&TEXTS[..5]),
        3..6 => tape.pick(TEXTS),
        _ => &LONG[tape.below(LONG.len())],
    }
}

/// Likewise.
pub(super) fn any_member(tape: &mut Tape<'_>, ty: &EnumType) -> i32 {
    match tape.below(3) {
        0 => tape.pick(ty.members).1,
        _ => tape.pick(&ty.members[..2]).1,
    }
}
