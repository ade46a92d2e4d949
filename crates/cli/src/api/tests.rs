use super::*;

#[test]
fn urls_of_a_server_are_understood_in_each_form() {
    for (given, root) in [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/beta/", "http://127.0.0.1:8080"),
        (
            "https://Graph.Microsoft.com/beta",
            "https://graph.microsoft.com",
        ),
        ("https://example.org/fleet/", "https://example.org/fleet"),
    ] {
        assert_eq!(server_root(given).unwrap(), root);
    }
    for wrong in [
        "",
        "fleet",
        "ftp://a",
        "https://a/?b",
        "https://graph.microsoft.com/v1.0",
    ] {
        assert!(server_root(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn the_next_page_is_asked_of_the_same_server_whatever_its_link_says() {
    let http = Http::new(None).unwrap();
    let api = Api::trial(http, "http://localhost:8080", "t");
    let pages = api.pages("x");
    for link in [
        "http://localhost:8080/beta/users?$skiptoken=a",
        "https://elsewhere.example/beta/users?$skiptoken=a",
    ] {
        assert_eq!(pages.path_of(link).unwrap(), "users?$skiptoken=a");
    }
    assert!(pages.path_of("https://elsewhere.example/").is_err());
}

#[test]
fn names_travel_whole() {
    assert_eq!(encoded("a b/c'd+é"), "a%20b%2Fc%27d%2B%C3%A9");
    assert_eq!(literal("it's"), "'it''s'");
}
