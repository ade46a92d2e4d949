//! Front files and paths, read and written.

use super::{front, place};

fn front(more: &str) -> Result<front::Front, String> {
    let text = format!("kind: deviceShellScript\ncontent: a.sh\n{more}\n");
    front::parse(&text)
}

#[test]
fn text_that_yaml_takes_for_something_else_is_written_so_that_it_stays_text() {
    for name in [
        "yes",
        "no",
        "null",
        "~",
        "true",
        "1",
        "1.10",
        "0x1f",
        "1e3",
        "2026-01-31",
        "12:30:45",
        "- a",
        "? a",
        ": a",
        "a: b",
        "a #b",
        "#a",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a",
        "[a]",
        "{a}",
        "\"a\"",
        "'a'",
        "|",
        ">",
        "<<",
        "---",
        "...",
        " a",
        "a ",
        "a\nb",
        "a\n",
        "\na",
        "\ta",
        "a\tb",
        "a\r\nb",
        "\u{7}",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "日本",
        "👩‍💻",
        "\\n",
        "=",
        "-",
        "",
        "a very long text that goes on and on, over the eighty columns after which some break lines, and on",
    ] {
        // JSON is YAML, so that this is how to say any text.
        let quoted = serde_json::to_string(name).unwrap();
        let read = front(&format!("displayName: x\ndescription: {quoted}"));
        let read = read.unwrap_or_else(|what| panic!("{name:?}: {what}"));
        let described = read.settings.get(read.kind, "description");
        assert_eq!(described.and_then(|value| value.as_str()), Some(name));
        let written = front::write(&read).unwrap();
        assert_eq!(
            front::parse(&written).as_ref(),
            Ok(&read),
            "{name:?}: {written}"
        );
        assert_eq!(written.lines().count(), 4, "{name:?}: {written}");
    }
}

#[test]
fn what_is_written_does_not_depend_on_how_it_was_read() {
    let one = front(
        "retryCount: 3\ndisplayName: A\nroleScopeTagIds: ['2', '1', '2']\nassignments:\n\
         - {filterType: include, filter: F, group: G, target: group}\n- target: allDevices\n- {target: allDevices}",
    );
    let other = front(
        "assignments: [{target: allDevices}, {target: group, group: G, filter: F, filterType: include}]\n\
         roleScopeTagIds:\n  - \"1\"\n  - \"2\"\ndisplayName: 'A'\nretryCount: 0x3 # as many as there are",
    );
    assert_eq!(one, other);
    let written = front::write(&one.unwrap()).unwrap();
    let expected = "kind: deviceShellScript\ndisplayName: A\ncontent: a.sh\nroleScopeTagIds:\n- \"1\"\n- \"2\"\n\
                    retryCount: 3\nassignments:\n- target: allDevices\n- target: group\n  group: G\n  filter: F\n  \
                    filterType: include\n";
    assert_eq!(written, expected);
}

#[test]
fn assignments_that_say_too_little_or_too_much_are_refused() {
    for (assignment, told) in [
        ("{group: G}", "needs a 'target'"),
        ("{target: all}", "'target' must be one of allDevices"),
        ("{target: group}", "needs a 'group'"),
        (
            "{target: group, group: G, groupId: g}",
            "has both 'group' and 'groupId'",
        ),
        ("{target: group, group: ''}", "has an empty"),
        ("{target: group, group: 7}", "put it in quotes"),
        ("{target: allDevices, group: G}", "has no 'group'"),
        ("{target: allDevices, filter: F}", "needs a 'filterType'"),
        (
            "{target: allDevices, filterType: include}",
            "has a 'filterType' and no filter",
        ),
        (
            "{target: allDevices, filter: F, filterType: none}",
            "must be include or exclude",
        ),
        (
            "{target: scopeTagGroup, targetType: dog, entraObjectId: x}",
            "must be user or device",
        ),
        ("everybody", "must be a mapping"),
    ] {
        let read = front(&format!("displayName: x\nassignments: [{assignment}]"));
        let what = read.expect_err(assignment);
        assert!(
            what.starts_with("assignments[0] ") && what.contains(told),
            "{assignment}: {what}"
        );
    }
}

#[test]
fn paths_lead_to_files_within_the_folder() {
    let at = ["a".to_owned(), "b".to_owned(), "c.yaml".to_owned()];
    for (written, place) in [
        ("d.sh", "a/b/d.sh"),
        ("./d.sh", "a/b/d.sh"),
        ("../d.sh", "a/d.sh"),
        ("../../d.sh", "d.sh"),
        ("x//y/../d.sh", "a/b/x/d.sh"),
    ] {
        let parts = place::resolve(&at, written).unwrap();
        assert_eq!(place::shown(&parts), place);
    }
    for written in [
        "",
        ".",
        "..",
        "/",
        "/d.sh",
        "../../../d.sh",
        "../../..",
        "x/",
        "../../.git/config",
        ".d.sh",
        "..\\d.sh",
        "C:d.sh",
        "d.sh:stream",
        "d\0.sh",
        "d\n.sh",
        "../x/../../..",
        "...",
    ] {
        assert!(place::resolve(&at, written).is_err(), "{written:?}");
    }
}
