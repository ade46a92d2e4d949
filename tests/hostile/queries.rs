//! Queries that nobody should ask: each collection answers each of them, or says what is wrong with
//! it, and never with a fault of its own.

use http::Method;
use runstate_graph::entity;
use runstate_testkit::TestServer;

use super::check_envelope;
use crate::{
    authorization::surface::{Route, routes},
    world::World,
};

/// Options in plain text. Some are right for some collections.
fn queries() -> Vec<String> {
    let mut queries: Vec<String> = [
        "$filter=substring(displayName,-1,99999999) eq 'x'",
        "$filter=substring(id,9223372036854775807) eq 'x'",
        "$filter=substring(id,-9223372036854775808) eq 'x'",
        "$filter=substring(id,1,-1) eq ''",
        "$filter=indexof(id,'') eq 0",
        "$filter=length(id) eq 9223372036854775807",
        "$filter=length(id) eq 9223372036854775808",
        "$filter=length(id) eq 1e400",
        "$filter=length(id) gt -1.5",
        "$filter=length(null) eq null",
        "$filter=null eq null",
        "$filter=null",
        "$filter=true",
        "$filter=1 eq 1",
        "$filter='a' eq 'a' and not (false)",
        "$filter=NaN eq NaN",
        "$filter=INF gt 1",
        "$filter=id eq 1",
        "$filter=id eq null",
        "$filter=id in ()",
        "$filter=id in (null,'a',null)",
        "$filter=not id",
        "$filter=concat(concat(id,id),concat(id,id)) eq id",
        "$filter=contains(id,'%')",
        "$filter=contains(id,'_')",
        "$filter=startswith(id,'\\') or endswith(id,'[')",
        "$filter=id eq '''; DROP TABLE script; --'",
        "$filter=id eq '\u{1F600}\u{202e}\u{ffff}'",
        "$filter=tolower(id) eq 'İ' or toupper(id) eq 'ß'",
        "$filter=createdDateTime gt 0001-01-01T00:00:00Z",
        "$filter=createdDateTime lt 9999-12-31T23:59:59.9999999Z",
        "$filter=createdDateTime lt 9999-12-31T23:59:59-14:00",
        "$filter=createdDateTime gt 0000-01-01T00:00:00Z",
        "$filter=lastStateUpdateDateTime ge 0001-01-01T00:00:00+14:00",
        "$filter=errorCode eq -2147483648 or errorCode eq 2147483648",
        "$filter=runState eq 'fail' and runState in ('success','pending')",
        "$filter=runState gt 'fail'",
        "$filter=scriptContent eq null",
        "$filter=contains(scriptContent,'x')",
        "$filter=executionFrequency gt duration'PT1H'",
        "$filter=roleScopeTagIds/any(t:t eq '0')",
        "$filter=roleScopeTagIds eq null",
        "$filter=target/deviceAndAppManagementAssignmentFilterType eq 'none'",
        "$filter=isof(target,microsoft.graph.groupAssignmentTarget)",
        "$filter=target/microsoft.graph.groupAssignmentTarget/groupId eq 'x'",
        "$filter=deviceRunStates/any(s:s/id eq id and s/errorCode gt 1)",
        "$filter=deviceRunStates/any(s:s/deviceRunStates/any(s:s/id eq 'x'))",
        "$filter=members/all(m:m/id ne 'x')",
        "$filter=$it/id eq 'x'",
        "$filter=id eq @p&@p='x'",
        "$filter=id%00",
        "$orderby=id desc,id asc",
        "$orderby=scriptContent",
        "$orderby=roleScopeTagIds",
        "$orderby=target",
        "$orderby=managedDevice/deviceName desc,runState,id",
        "$orderby=length(id) desc",
        "$select=id,id,*",
        "$select=",
        "$select=*,nonsense",
        "$expand=*",
        "$expand=members($expand=members)",
        "$expand=deviceRunStates($top=0;$count=true;$orderby=id desc)",
        "$search=",
        "$search=\"",
        "$search=\"%_\\\"",
        "$search=a AND NOT b OR (c)",
        "$search=NOT",
        "$search=\u{0}",
        "$top=0",
        "$top=-1",
        "$top=2147483648",
        "$top=99999999999999999999",
        "$top=1.5",
        "$top= 1",
        "$top=1&$top=2",
        "$top=1&top=2",
        "$skip=9223372036854775807",
        "$skip=99999999999999999999",
        "$skip=-1",
        "$count=maybe",
        "$count=true&$top=0",
        "$skiptoken=",
        "$skiptoken=AAAA",
        "$skiptoken=\u{1F600}",
        "$format=xml",
        "$format=application/json;odata.metadata=full",
        "$format=json&$format=json",
        "$apply=aggregate(id with max as x)",
        "$compute=1 add 1 as two",
        "$deltatoken=x",
        "$nonsense=1",
        "nonsense=1",
        "=",
        "&&&",
        "$filter",
    ]
    .map(str::to_owned)
    .to_vec();
    queries.push(format!(
        "$filter={}id eq 'x'{}",
        "(".repeat(20_000),
        ")".repeat(20_000)
    ));
    queries.push(format!("$filter={}true", "not ".repeat(9_000)));
    queries.push(format!(
        "$filter=id eq 'x'{}",
        " or id eq 'y'".repeat(3_000)
    ));
    queries.push(format!("$filter=id in ('x'{})", ",'y'".repeat(12_000)));
    queries.push(format!(
        "$filter={}id{} eq 'x'",
        "tolower(".repeat(5_000),
        ")".repeat(5_000)
    ));
    queries.push(format!(
        "$filter={}id eq 'x'{}",
        "members/any(m:".repeat(50),
        ")".repeat(50)
    ));
    queries.push(format!("$orderby=id{}", ",id desc".repeat(4_000)));
    queries.push(format!("$select=id{}", ",id".repeat(10_000)));
    queries.push(format!("$search=a{}", " a".repeat(9_000)));
    queries.push(format!("$expand={}", vec!["assignments"; 3_000].join(",")));
    queries.push(format!(
        "$expand={}members{}",
        "members($expand=".repeat(2_000),
        ")".repeat(2_000)
    ));
    queries.push("a=b&".repeat(10_000));
    queries
}

fn encode(query: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"%\"<>\\^`{|}#".contains(&byte);
    let shown = |byte: u8| match plain(byte) || byte == b'%' {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    query.bytes().map(shown).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_query_makes_the_server_fail() {
    let server = TestServer::start().await;
    let world = World::make(&server).await;
    let queries = queries();
    let mut answered = 0;
    // The three script collections have the same properties but for a few.
    let is_tried = |route: &Route| {
        route
            .collection
            .is_none_or(|name| name == "deviceShellScripts")
    };
    for route in routes(&entity::MODEL).into_iter().filter(is_tried) {
        let path = world.path(&route);
        if server.get(&format!("/{path}")).send().await.status == 405 {
            continue;
        }
        for query in &queries {
            let path = format!("/beta/{path}?{}", encode(query));
            let reply = server
                .request(Method::GET, &path)
                .token(&server.token)
                .send()
                .await;
            let what: String = format!("{}?{query}", route.path)
                .chars()
                .take(200)
                .collect();
            let status = reply.status.as_u16();
            if status == 200 {
                answered += 1;
            } else {
                assert!(
                    [400, 406].contains(&status),
                    "{what}: {status} {}",
                    reply.text()
                );
                check_envelope(&reply, &what);
            }
        }
    }
    assert!(answered > 1000, "{answered}");
}

#[tokio::test]
async fn a_skip_token_that_was_touched_is_refused() {
    let server = TestServer::builder().page_size(1).start().await;
    for name in ["a", "b", "c"] {
        server.shell_script(name).await;
    }
    let first = "/deviceManagement/deviceShellScripts?$orderby=displayName";
    let page = server.get(first).send().await.expect(200).json();
    let next = page["@odata.nextLink"].as_str().unwrap().to_owned();
    let (before, token) = next.split_once("skiptoken=").unwrap();
    server.get(&next).send().await.expect(200);
    for i in 0..token.len() {
        let mut touched = token.to_owned();
        let other = if &token[i..=i] == "A" { "B" } else { "A" };
        touched.replace_range(i..=i, other);
        let reply = server
            .get(&format!("{before}skiptoken={touched}"))
            .send()
            .await;
        // The last letter of base64 may hold bits that mean nothing; all others count.
        if i + 1 < token.len() {
            assert_eq!(reply.status, 400, "{i} of {token}");
            check_envelope(&reply, &touched);
        }
        let cut = format!("{before}skiptoken={}", &token[..i]);
        server.get(&cut).send().await.expect(400);
    }
    for other in [
        "deviceManagementScripts?$orderby=displayName",
        "deviceShellScripts?$orderby=id",
    ] {
        let path = format!("/deviceManagement/{other}&$skiptoken={token}");
        server.get(&path).send().await.expect(400);
    }
}
