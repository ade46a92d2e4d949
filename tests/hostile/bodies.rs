//! Bodies that are not JSON, or that no two readers would read alike.

use http::Method;
use runstate_testkit::TestServer;
use serde_json::json;

use super::{Bench, HAS_PAYLOAD_LINKS, Target};

const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];

fn nested(open: &str, close: &str) -> Vec<u8> {
    let depth = 200_000;
    format!("{}{}", open.repeat(depth), close.repeat(depth)).into_bytes()
}

/// What is no JSON text, or none of one meaning, whatever it is of.
fn not_json() -> Vec<(&'static str, Vec<u8>)> {
    let mut bodies: Vec<(&'static str, Vec<u8>)> = vec![
        ("nothing", b"".to_vec()),
        ("blanks", b" \r\n\t".to_vec()),
        ("a byte order mark alone", b"\xef\xbb\xbf".to_vec()),
        (
            "two byte order marks",
            b"\xef\xbb\xbf\xef\xbb\xbf{}".to_vec(),
        ),
        ("arrays without end", "[".repeat(200_000).into_bytes()),
        (
            "objects without end",
            r#"{"a":"#.repeat(200_000).into_bytes(),
        ),
        ("deep arrays", nested("[", "]")),
        (
            "a deep member",
            [b"{\"id\":".to_vec(), nested("[", "]"), b"}".to_vec()].concat(),
        ),
        (
            "deep objects",
            [nested(r#"{"a":"#, "}"), b"1".to_vec()].concat(),
        ),
        ("invalid UTF-8", b"{\"id\":\"\xff\xfe\"}".to_vec()),
        ("invalid UTF-8 in a name", b"{\"i\xc3\":\"a\"}".to_vec()),
        ("overlong UTF-8", b"{\"id\":\"\xc0\xaf\"}".to_vec()),
        (
            "a surrogate in UTF-8",
            b"{\"id\":\"\xed\xa0\x80\"}".to_vec(),
        ),
        (
            "UTF-16",
            "{}".encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        ("NUL in a string", b"{\"id\":\"a\0b\"}".to_vec()),
        ("NUL after the text", b"{}\0".to_vec()),
        ("NUL alone", b"\0".to_vec()),
        ("a form", b"runState=success".to_vec()),
        ("XML", b"<entry/>".to_vec()),
    ];
    let texts = [
        ("truncated string", r#"{"id":"succ"#),
        ("truncated object", r#"{"id":"success""#),
        ("truncated member", r#"{"id":"#),
        ("an opening brace", "{"),
        ("a trailing comma", r#"{"id":"a",}"#),
        ("a comment", r#"{"id":"a"/**/}"#),
        ("single quotes", "{'id':'a'}"),
        ("a bare name", r#"{id:"a"}"#),
        ("two texts", "{} {}"),
        ("trash behind", "{}]"),
        ("NaN", r#"{"id":NaN}"#),
        ("infinity", r#"{"id":-Infinity}"#),
        ("a leading zero", r#"{"id":01}"#),
        ("a plus", r#"{"id":+1}"#),
        ("hexadecimal", r#"{"id":0x1}"#),
        ("a raw tab", "{\"id\":\"a\tb\"}"),
        ("a bad escape", r#"{"id":"\x41"}"#),
        ("an array", "[]"),
        ("an array of objects", r#"[{"id":"a"}]"#),
        ("a string", r#""a""#),
        ("a number", "1"),
        ("true", "true"),
        ("null", "null"),
    ];
    bodies.extend(texts.map(|(what, text)| (what, text.as_bytes().to_vec())));
    bodies
}

#[tokio::test]
async fn what_is_not_an_object_in_json_is_refused_everywhere() {
    let bench = Bench::new().await;
    for target in bench.targets() {
        for (what, body) in not_json() {
            let reply = bench.refused(&target, JSON, body, what).await;
            assert_eq!(reply.status, 400, "{what}");
            assert_eq!(reply.code(), "BadRequest", "{what}");
        }
    }
}

/// Objects in JSON that mean different things to different readers, or nothing at all.
const DOUBTFUL: &[(&str, &str, &str)] = &[
    ("a name twice", r#"{"NAME":"a","NAME":"b"}"#, "NAME"),
    (
        "a name twice, once escaped",
        r#"{"NAME":"a","\u004eAME":"b"}"#,
        "NAME",
    ),
    (
        "an annotation twice",
        r#"{"@odata.etag":"a","@odata.etag":"b"}"#,
        "@odata.etag",
    ),
    ("U+0000", r#"{"NAME":"a\u0000b"}"#, "U+0000"),
    ("U+0000 in a name", r#"{"a\u0000":"b"}"#, "U+0000"),
    ("a lone high surrogate", r#"{"NAME":"\ud800"}"#, ""),
    ("a lone low surrogate", r#"{"NAME":"\udc00"}"#, ""),
    (
        "surrogates the wrong way round",
        r#"{"NAME":"\udc00\ud800"}"#,
        "",
    ),
    ("half a pair", r#"{"NAME":"\ud83d\u0041"}"#, ""),
    ("a number beyond a double", r#"{"NAME":1e400}"#, ""),
    ("a number far below", r#"{"NAME":-1e400}"#, ""),
    (
        "a number in an annotation beyond a double",
        r#"{"@odata.etag":1e400}"#,
        "",
    ),
    ("an unknown property", r#"{"nonsense":1}"#, "nonsense"),
    (
        "an unknown property that is null",
        r#"{"nonsense":null}"#,
        "nonsense",
    ),
    ("an empty name", r#"{"":1}"#, ""),
    ("the wrong case", r#"{"DISPLAYNAME":"x"}"#, "DISPLAYNAME"),
    (
        "an annotation of an unknown property",
        r##"{"nonsense@odata.type":"#String"}"##,
        "nonsense",
    ),
    (
        "a link of an unknown property",
        r#"{"nonsense@odata.bind":"users/a"}"#,
        "nonsense",
    ),
    (
        "another type",
        r##"{"@odata.type":"#microsoft.graph.user"}"##,
        "@odata.type",
    ),
    (
        "a type without namespace",
        r##"{"@odata.type":"#deviceShellScript"}"##,
        "@odata.type",
    ),
    (
        "a type that is no string",
        r#"{"@odata.type":1}"#,
        "@odata.type",
    ),
];

fn is_entity(target: &Target) -> bool {
    let others = ["assign", "$batch", "$ref", "hasPayloadLinks"];
    !others.iter().any(|end| target.path.ends_with(end))
}

#[tokio::test]
async fn objects_of_doubtful_meaning_are_refused_and_the_property_named() {
    let bench = Bench::new().await;
    for target in bench.targets().iter().filter(|target| is_entity(target)) {
        let name = match target.path.contains("deviceRunStates") {
            true => "resultMessage",
            false => "displayName",
        };
        for (what, text, named) in DOUBTFUL {
            let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
            let body = text.replace("\\u004eAME", &escaped).replace("NAME", name);
            let body = body.replace(&format!("DISPLAY{name}"), "DISPLAYNAME");
            let reply = bench.refused(target, JSON, body, what).await;
            assert_eq!(reply.status, 400, "{what}");
            let named = if *named == "NAME" { name } else { named };
            let named = if *named == *"DISPLAYNAME" {
                "DISPLAY"
            } else {
                named
            };
            assert!(
                reply.message().contains(named),
                "{what}: {}",
                reply.message()
            );
        }
        let digits = format!(r#"{{"{name}":1{}}}"#, "0".repeat(100_000));
        let reply = bench.refused(target, JSON, digits, "100,001 digits").await;
        assert_eq!(reply.status, 400);
        let long = format!(r#"{{"{}":1}}"#, "n".repeat(100_000));
        bench
            .refused(target, JSON, long, "a name of 100,000 letters")
            .await;
    }
}

#[tokio::test]
async fn an_action_takes_its_own_parameters_only() {
    let bench = Bench::new().await;
    let target = Target {
        method: Method::POST,
        path: format!("{}/assign", bench.script),
    };
    let all = r##"{"@odata.type":"#microsoft.graph.allDevicesAssignmentTarget"}"##;
    for (body, named) in [
        (r#"{"nonsense":[]}"#.to_owned(), "nonsense"),
        (r#"{"deviceManagementScriptAssignments":{}}"#.to_owned(), "deviceManagementScriptAssignments"),
        (r#"{"deviceManagementScriptAssignments":[],"deviceManagementScriptAssignments":[]}"#.to_owned(), "deviceManagementScriptAssignments"),
        (r#"{"deviceManagementScriptAssignments":[1]}"#.to_owned(), ""),
        (r#"{"deviceManagementScriptAssignments":[null]}"#.to_owned(), ""),
        (r#"{"deviceManagementScriptAssignments":[{}]}"#.to_owned(), "target"),
        (r#"{"deviceManagementScriptAssignments":[{"target":null}]}"#.to_owned(), "target"),
        (r#"{"deviceManagementScriptAssignments":[{"target":{"nonsense":1}}]}"#.to_owned(), "nonsense"),
        (r##"{"deviceManagementScriptAssignments":[{"target":{"@odata.type":"#microsoft.graph.user"}}]}"##.to_owned(), "@odata.type"),
        (r##"{"deviceManagementScriptAssignments":[{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget"}}]}"##.to_owned(), "groupId"),
        (r##"{"deviceManagementScriptAssignments":[{"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":7}}]}"##.to_owned(), "groupId"),
        (format!(r#"{{"deviceManagementScriptAssignments":[{{"target":{all}}},{{"target":1}}]}}"#), "target"),
        (r#"{"deviceManagementScriptGroupAssignments":[{}]}"#.to_owned(), "targetGroupId"),
        (r#"{"deviceManagementScriptGroupAssignments":[{"targetGroupId":null}]}"#.to_owned(), "targetGroupId"),
    ] {
        let reply = bench.refused(&target, JSON, body.clone(), &body).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.message().contains(named), "{body}: {}", reply.message());
    }
}

#[tokio::test]
async fn payload_ids_are_an_array_of_strings() {
    let bench = Bench::new().await;
    let target = Target {
        method: Method::POST,
        path: HAS_PAYLOAD_LINKS.to_owned(),
    };
    for body in [
        r#"{"payloadIds":"a"}"#,
        r#"{"payloadIds":{}}"#,
        r#"{"payloadIds":[1]}"#,
        r#"{"payloadIds":["a",null]}"#,
        r#"{"payloadIds":["a\u0000"]}"#,
        r#"{"payloadIds":["a"],"payloadIds":[]}"#,
        r#"{"payloadIDs":["a"]}"#,
    ] {
        bench.refused(&target, JSON, body, body).await.expect(400);
    }
}

#[tokio::test]
async fn a_link_to_a_member_leads_to_an_object_that_is_there() {
    let bench = Bench::new().await;
    let target = Target {
        method: Method::POST,
        path: bench.members.clone(),
    };
    for (body, status) in [
        (r#"{}"#, 400),
        (r#"{"id":"a"}"#, 400),
        (r#"{"@odata.id":null}"#, 400),
        (r#"{"@odata.id":1}"#, 400),
        (r#"{"@odata.id":["users/a"]}"#, 400),
        (r#"{"@odata.id":""}"#, 400),
        (r#"{"@odata.id":"a"}"#, 400),
        (r#"{"@odata.id":"users"}"#, 400),
        (r#"{"@odata.id":"users/"}"#, 400),
        (r#"{"@odata.id":"users('')"}"#, 400),
        (r#"{"@odata.id":"users/a%00"}"#, 400),
        (r#"{"@odata.id":"users/%"}"#, 400),
        (
            r#"{"@odata.id":"https://h/beta/deviceManagement/deviceShellScripts/a"}"#,
            400,
        ),
        (r#"{"@odata.id":"https://h"}"#, 400),
        (r#"{"@odata.id":"users/a","@odata.id":"users/b"}"#, 400),
        (r#"{"@odata.id":"users/a"}"#, 404),
        (r#"{"@odata.id":"https://h/beta/directoryObjects/a"}"#, 404),
        (r#"{"@odata.id":"groups('it''s')"}"#, 404),
    ] {
        let reply = bench.refused(&target, JSON, body, body).await;
        assert_eq!(reply.status, status, "{body}: {}", reply.message());
    }
    // A group is no member of itself, nor twice of another.
    let group = bench.members.split('/').nth(2).unwrap();
    let body = json!({ "@odata.id": format!("groups/{group}") }).to_string();
    bench
        .refused(&target, JSON, body, "itself")
        .await
        .expect(400);
    let user = bench
        .server
        .create("/users", &json!({ "displayName": "Ada" }))
        .await;
    let body = json!({ "@odata.id": format!("users/{user}") }).to_string();
    bench.send(&target, JSON, body.clone()).await.expect(204);
    let reply = bench.refused(&target, JSON, body, "twice").await;
    assert!(
        [400, 409].contains(&reply.status.as_u16()),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn a_batch_is_refused_as_a_whole_or_its_request_is() {
    let bench = Bench::new().await;
    let target = Target {
        method: Method::POST,
        path: "/$batch".to_owned(),
    };
    let get = r#"{"id":"1","method":"GET","url":"/users"}"#;
    for body in [
        "{}".to_owned(),
        r#"{"requests":null}"#.to_owned(),
        r#"{"requests":{}}"#.to_owned(),
        r#"{"requests":[]}"#.to_owned(),
        r#"{"requests":[1]}"#.to_owned(),
        r#"{"requests":[{}]}"#.to_owned(),
        r#"{"requests":[{"id":"1","url":"/users"}]}"#.to_owned(),
        r#"{"requests":[{"id":"1","method":"GET"}]}"#.to_owned(),
        r#"{"requests":[{"id":"","method":"GET","url":"/users"}]}"#.to_owned(),
        r#"{"requests":[{"id":null,"method":"GET","url":"/users"}]}"#.to_owned(),
        r#"{"requests":[{"id":"1","method":"GET","url":1}]}"#.to_owned(),
        r#"{"requests":[{"id":"1","method":"GET","method":"DELETE","url":"/users"}]}"#.to_owned(),
        r#"{"requests":[{"id":"1","method":"GET","url":"/users","headers":[]}]}"#.to_owned(),
        r#"{"requests":[{"id":"1","method":"GET","url":"/users","dependsOn":["2"]}]}"#.to_owned(),
        r#"{"requests":[{"id":"1","method":"GET","url":"/users","dependsOn":["1"]}]}"#.to_owned(),
        r#"{"requests":[{"id":"1\ud800","method":"GET","url":"/users"}]}"#.to_owned(),
        format!(r#"{{"requests":[{get},{get}]}}"#),
        format!(r#"{{"requests":[{get}],"requests":[]}}"#),
        format!(r#"{{"requests":[{}]}}"#, vec![get; 21].join(",")),
    ] {
        let reply = bench.refused(&target, JSON, body.clone(), &body).await;
        assert_eq!(reply.status, 400, "{body}");
    }

    // The bodies within are read as those of requests alone.
    for (what, text, _) in DOUBTFUL {
        let text = text.replace("\\u004eAME", "\\u0072esultMessage");
        let text = text
            .replace("DISPLAYNAME", "DISPLAY")
            .replace("NAME", "resultMessage");
        let patch = json!({ "id": "1", "method": "PATCH", "url": bench.state,
            "headers": { "Content-Type": "application/json" }, "body": "BODY" });
        let body = json!({ "requests": [patch] })
            .to_string()
            .replace("\"BODY\"", &text);
        let before = bench.stored().await;
        let reply = bench.send(&target, JSON, body).await;
        if reply.status == 200 {
            let response = &reply.json()["responses"][0];
            assert_eq!(response["status"], 400, "{what}: {response}");
            assert!(response["body"]["error"]["code"].is_string(), "{what}");
        } else {
            assert_eq!(reply.status, 400, "{what}");
        }
        assert_eq!(bench.stored().await, before, "{what}");
    }
}

#[tokio::test]
async fn a_body_of_the_limit_is_taken_and_one_byte_more_is_not() {
    for limit in [1024, 4 * 1024 * 1024] {
        let server = match limit {
            1024 => TestServer::builder().body_bytes(limit).start().await,
            // Graph's own, and the default.
            _ => TestServer::start().await,
        };
        let bench = Bench::on(server).await;
        for target in bench.targets() {
            let reply = bench
                .refused(&target, JSON, vec![b' '; limit + 1], "too much")
                .await;
            assert_eq!(reply.status, 413);
            assert_eq!(reply.code(), "RequestEntityTooLarge");
        }
        let patch = &bench.targets()[0];
        let mut body = br#"{"runState":"success"}"#.to_vec();
        body.resize(limit, b' ');
        bench.send(patch, JSON, body).await.expect(200);
    }
}

#[tokio::test]
async fn who_writes_all_before_reading_learns_why_it_was_refused() {
    let server = TestServer::start().await;
    let post = |token: &str, framing: &str| {
        format!(
            "POST /beta/deviceManagement/deviceShellScripts HTTP/1.1\r\nHost: h\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        )
    };
    // More than the buffers of the two sockets hold, so that the server has to read it.
    let body = " ".repeat(20 * 1024 * 1024);
    let told = format!("Content-Length: {}", body.len());
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (head, body, status) in [
        (post(&server.token, &told), &body, 413),
        (post("none", &told), &body, 401),
        (
            post(&server.token, "Transfer-Encoding: chunked"),
            &chunk,
            413,
        ),
    ] {
        let reply = server.send_bytes(format!("{head}{body}").as_bytes()).await;
        assert_eq!(reply.status, status, "{head}");
    }

    // Who asks first need not send what is refused, so the next request may follow the answer at once.
    // The answer comes without the body having been waited for.
    let asking = post(&server.token, &format!("{told}\r\nExpect: 100-continue"));
    let reply = server.send_bytes(asking.as_bytes()).await;
    assert_eq!(reply.status, 413);
}

#[tokio::test]
async fn what_a_length_promises_must_come() {
    let bench = Bench::new().await;
    let before = bench.stored().await;
    let head = |length: &str| {
        let (path, token) = (&bench.state, &bench.server.token);
        format!(
            "PATCH /beta{path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\n{length}\r\n\r\n"
        )
    };
    let body = r#"{"runState":"success"}"#;
    // The limit is known before the body comes, and two lengths are one too many.
    for (head, status) in [
        (head("Content-Length: 99999999999999"), 413),
        (head("Content-Length: 22\r\nContent-Length: 23"), 400),
        (head("Content-Length: -1"), 400),
        (head("Content-Length: 1e3"), 400),
        (
            head("Content-Length: 22\r\nTransfer-Encoding: chunked"),
            400,
        ),
    ] {
        let request = format!("{head}{body}");
        let reply = bench.server.send_bytes(request.as_bytes()).await;
        assert_eq!(reply.status, status, "{head}");
    }
    let chunked = format!(
        "{}zz\r\n{body}\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked")
    );
    let reply = bench.server.send_bytes(chunked.as_bytes()).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(bench.stored().await, before);
    // Nor does a body become smaller by coming in pieces.
    let pieces = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).repeat(65);
    let chunked = format!("{}{pieces}0\r\n\r\n", head("Transfer-Encoding: chunked"));
    let reply = bench.server.send_bytes(chunked.as_bytes()).await;
    assert_eq!(reply.status, 413, "{}", reply.text());

    let chunked = format!(
        "{}16\r\n{body}\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked")
    );
    let reply = bench.server.send_bytes(chunked.as_bytes()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}
