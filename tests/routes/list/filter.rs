//! `$filter` and `$search`.

use runstate_testkit::{SCRIPTS, TestServer, encode};
use serde_json::json;

use super::states;

#[tokio::test]
async fn filter_of_run_states() {
    let server = TestServer::start().await;
    let states = states(&server).await;
    for (filter, expected) in [
        ("runState eq 'success'", "ae"),
        ("runState eq microsoft.graph.runState'success'", "ae"),
        ("'success' eq runState", "ae"),
        ("runState ne 'success'", "bcd"),
        ("runState in ('fail', 'scriptError')", "bc"),
        ("not (runState in ('fail','scriptError'))", "ade"),
        // `has` compares bits: those of `fail`, 2, are in `scriptError`, 3.
        ("runState has 'fail'", "b"),
        ("runState has 'scriptError'", "c"),
        ("errorCode eq 9", "cd"),
        ("errorCode gt 0", "cde"),
        ("errorCode lt 0 or errorCode ge 2147483647", "be"),
        ("errorCode le -1", "b"),
        ("errorCode in (0, -1)", "ab"),
        ("resultMessage eq null", "c"),
        ("resultMessage ne null", "abde"),
        ("resultMessage eq ''", "d"),
        ("resultMessage ne 'x'", "abcde"),
        ("resultMessage in (null, '')", "cd"),
        ("resultMessage eq 'It''s done'", "a"),
        ("runState eq 'success' and errorCode eq 0", "a"),
        (
            "runState eq 'pending' or runState eq 'success' and errorCode eq 0",
            "ad",
        ),
        (
            "(runState eq 'pending' or runState eq 'success') and errorCode eq 0",
            "a",
        ),
        ("not (errorCode eq 9)", "abe"),
        ("not (contains(resultMessage,'done'))", "bd"),
        ("contains(resultMessage,'done')", "ae"),
        ("contains(resultMessage,'%')", "e"),
        ("contains(resultMessage,'_')", "e"),
        ("contains(tolower(resultMessage),'äö')", "b"),
        ("startswith(resultMessage,'It''s')", "a"),
        ("endswith(resultMessage,'done')", "a"),
        ("toupper(resultMessage) eq 'IT''S DONE'", "a"),
        ("length(resultMessage) eq 9", "ab"),
        ("length(resultMessage) eq 0", "d"),
        ("indexof(resultMessage,'done') eq 5", "ae"),
        ("indexof(resultMessage,'absent') eq -1", "abde"),
        ("substring(resultMessage,5) eq 'done'", "a"),
        ("substring(resultMessage,0,2) eq 'It'", "a"),
        ("concat(id,resultMessage) eq 'd'", "d"),
        ("trim(concat(' ',id)) eq 'c'", "c"),
        ("lastStateUpdateDateTime eq 2026-01-01T08:00:00Z", "a"),
        ("lastStateUpdateDateTime eq 2026-01-01T00:00:00-08:00", "a"),
        ("lastStateUpdateDateTime eq 2026-01-01T13:30:00+05:30", "a"),
        ("lastStateUpdateDateTime gt 2026-01-01T08:00:00Z", "bcde"),
        (
            "lastStateUpdateDateTime ge 2026-01-03T08:00:00.0000000Z",
            "de",
        ),
        (
            "lastStateUpdateDateTime in (2026-01-02T00:00:00Z,2026-01-03T09:00:00Z)",
            "ce",
        ),
        ("managedDevice/deviceName eq 'LAP-1'", "ae"),
        ("managedDevice/deviceName eq null", "cd"),
        ("managedDevice/operatingSystem ne 'macOS'", "bcd"),
        ("startswith(managedDevice/deviceName,'Srv')", "b"),
        ("id eq 'a'", "a"),
        ("id gt 'b' and id le 'd'", "cd"),
        ("true", "abcde"),
        ("false", ""),
        ("1 eq 1", "abcde"),
    ] {
        let path = format!("{states}?$filter={}", encode(filter));
        assert_eq!(server.ids(&path).await.concat(), expected, "{filter}");
        // As many clients write it.
        let blanks = format!("{states}?filter={}", encode(filter).replace("%20", "+"));
        assert_eq!(server.ids(&blanks).await.concat(), expected, "{filter}");
        let count = format!("{states}/$count?$filter={}", encode(filter));
        assert_eq!(
            server.get(&count).send().await.text(),
            expected.len().to_string(),
            "{filter}"
        );
    }
    // The plus of an offset, as it is often left in a URL.
    let date = "2026-01-01T13:30:00+05:30";
    for filter in [
        format!("lastStateUpdateDateTime%20eq%20{date}"),
        format!("lastStateUpdateDateTime%20in%20({date},2000-01-01T00:00:00+01:00)"),
        format!("{date}%20ge%20lastStateUpdateDateTime"),
        format!("(lastStateUpdateDateTime+le+{date})"),
    ] {
        let path = format!("{states}?$filter={filter}");
        assert_eq!(server.ids(&path).await, ["a"], "{filter}");
    }
    let script = states.trim_end_matches("/deviceRunStates");
    let nested = format!("deviceRunStates($filter=lastStateUpdateDateTime+le+{date};$select=id)");
    let read = server.read(&format!("{script}?$expand={nested}")).await;
    assert_eq!(read["deviceRunStates"], json!([{ "id": "a" }]));
    let path =
        format!("{states}?$filter=lastStateUpdateDateTime+eq+2026-01-01T13:30:00+05:30+and+true");
    assert_eq!(server.ids(&path).await, ["a"]);
}

#[tokio::test]
async fn filter_of_scripts() {
    let server = TestServer::start().await;
    for collection in SCRIPTS {
        let path = format!("/deviceManagement/{collection}");
        let mut names = std::collections::HashMap::new();
        for (name, tags, targets) in [
            ("none", json!([]), json!([])),
            (
                "zero",
                json!(["0"]),
                json!([{ "@odata.type": "#microsoft.graph.allDevicesAssignmentTarget" }]),
            ),
            (
                "both",
                json!(["0", "7"]),
                json!([
                    { "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": "g" },
                    { "@odata.type": "#microsoft.graph.exclusionGroupAssignmentTarget", "groupId": "h" },
                ]),
            ),
        ] {
            let body = json!({ "displayName": name, "roleScopeTagIds": tags, "fileName": format!("{name}.sh") });
            let id = server.create(&path, &body).await;
            for target in targets.as_array().unwrap() {
                server
                    .create(
                        &format!("{path}/{id}/assignments"),
                        &json!({ "target": target }),
                    )
                    .await;
            }
            names.insert(id, name);
            server.clock.advance(std::time::Duration::from_secs(1));
        }
        for (filter, expected) in [
            ("roleScopeTagIds/any(t:t eq '7')", "both"),
            ("roleScopeTagIds/any(t:t eq '0')", "zero both"),
            ("roleScopeTagIds/any()", "zero both"),
            ("not roleScopeTagIds/any()", "none"),
            ("roleScopeTagIds/all(t:t eq '0')", "none zero"),
            ("roleScopeTagIds/any(t:t in ('7','8'))", "both"),
            ("assignments/any()", "zero both"),
            (
                "assignments/any(a:a/target/microsoft.graph.groupAssignmentTarget/groupId eq 'g')",
                "both",
            ),
            (
                "assignments/any(a:a/target/microsoft.graph.groupAssignmentTarget/groupId eq 'h')",
                "both",
            ),
            (
                "assignments/any(a:a/target/microsoft.graph.exclusionGroupAssignmentTarget/groupId eq 'g')",
                "",
            ),
            (
                "assignments/any(a:a/target/microsoft.graph.exclusionGroupAssignmentTarget/groupId eq 'h')",
                "both",
            ),
            (
                "assignments/all(a:a/target/microsoft.graph.groupAssignmentTarget/groupId ne null)",
                "none both",
            ),
            (
                "displayName eq 'zero' and assignments/any() and roleScopeTagIds/any(x:x eq '0')",
                "zero",
            ),
            ("runSummary/successDeviceCount eq 0", "none zero both"),
            ("createdDateTime gt lastModifiedDateTime", ""),
            ("createdDateTime eq lastModifiedDateTime", "none zero both"),
            ("runAsAccount eq 'system'", "none zero both"),
            ("concat(displayName,'.sh') eq fileName", "none zero both"),
        ] {
            let filtered = format!("{path}?$orderby=createdDateTime&$filter={}", encode(filter));
            let mut found: Vec<&str> = server
                .ids(&filtered)
                .await
                .iter()
                .map(|id| names[id])
                .collect();
            found.sort_by_key(|name| ["none", "zero", "both"].iter().position(|n| n == name));
            assert_eq!(found.join(" "), expected, "{collection} {filter}");
        }
        let script = server
            .ids(&format!("{path}?$filter=displayName%20eq%20'both'"))
            .await
            .remove(0);
        let cast = encode("target/microsoft.graph.groupAssignmentTarget/groupId eq 'g'");
        assert_eq!(
            server
                .ids(&format!("{path}/{script}/assignments?$filter={cast}"))
                .await
                .len(),
            1
        );
    }
}

#[tokio::test]
async fn search_looks_into_names() {
    let server = TestServer::start().await;
    for (name, description) in [
        ("Disk report", "All of it"),
        ("Clean caches", "frees DISK space"),
        ("Other", ""),
    ] {
        let body = json!({ "displayName": name, "description": description });
        server
            .create("/deviceManagement/deviceShellScripts", &body)
            .await;
    }
    for (search, expected) in [
        ("disk", 2),
        ("report", 1),
        ("disk report", 1),
        ("disk AND caches", 1),
        ("report OR caches", 2),
        ("NOT disk", 1),
        ("\"disk space\"", 1),
        ("\"space disk\"", 0),
        ("absent", 0),
        ("(report OR other) AND NOT absent", 2),
        // One property only, as Graph has it for users and groups.
        ("\"displayName:disk\"", 1),
        ("DESCRIPTION:Disk", 1),
        ("\"displayName:disk rep\"", 1),
        ("\"displayName:disk\" OR \"description:disk\"", 2),
        ("\"absent:disk\"", 0),
        ("\"displayName:\"", 0),
    ] {
        let path = format!(
            "/deviceManagement/deviceShellScripts?$count=true&$search={}",
            encode(search)
        );
        let reply = server.read(&path).await;
        assert_eq!(
            reply["value"].as_array().unwrap().len(),
            expected,
            "{search}"
        );
        assert_eq!(reply["@odata.count"], expected, "{search}");
    }
    let script = server.shell_script("Run").await;
    let states = format!("/deviceManagement/deviceShellScripts/{script}/deviceRunStates?$search=a");
    let reply = server.get(&states).send().await.expect(400);
    assert!(reply.message().contains("$search"));
}
