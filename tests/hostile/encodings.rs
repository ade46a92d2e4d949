//! Bodies that are compressed, and bodies that are said to be something else.

use std::io::Write as _;

use flate2::{Compress, Compression, FlushCompress, write::GzEncoder};

use super::Bench;

const BODY: &[u8] = br#"{"runState":"success","resultMessage":"sent packed"}"#;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(plain).unwrap();
    packed.finish().unwrap()
}

/// 1 GiB of zeros in one member: a block of 1 MiB that stands by itself, a thousand times.
fn bomb() -> Vec<u8> {
    let mut block = Vec::with_capacity(64 * 1024);
    let mut compress = Compress::new(Compression::best(), false);
    let zeros = vec![0; 1024 * 1024];
    compress
        .compress_vec(&zeros, &mut block, FlushCompress::Full)
        .unwrap();
    // RFC 1952, 2.3: magic, deflate, no flags, no time, no name.
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    [head.to_vec(), block.repeat(1024)].concat()
}

#[tokio::test]
async fn a_packed_body_is_unpacked() {
    let bench = Bench::new().await;
    let patch = &bench.targets()[0];
    let (first, second) = BODY.split_at(10);
    for (encoding, body) in [
        ("gzip", gzip(BODY)),
        ("GZip", gzip(BODY)),
        ("x-gzip", gzip(BODY)),
        ("identity", BODY.to_vec()),
        ("Identity", BODY.to_vec()),
        ("gzip", [gzip(first), gzip(second)].concat()),
        ("gzip", gzip(&[b"\xef\xbb\xbf", BODY].concat())),
    ] {
        let headers = [("Content-Encoding", encoding)];
        let reply = bench.send(patch, &headers, body).await.expect(200);
        assert_eq!(reply.json()["resultMessage"], "sent packed", "{encoding}");
    }
}

#[tokio::test]
async fn what_does_not_unpack_is_refused() {
    let bench = Bench::new().await;
    let packed = gzip(BODY);
    let (whole, end) = (packed.len(), packed.len() - 8);
    let mut wrong_sum = packed.clone();
    wrong_sum[end] ^= 1;
    let mut wrong_length = packed.clone();
    wrong_length[whole - 1] ^= 1;
    for target in bench.targets() {
        for (what, body) in [
            ("plain", BODY.to_vec()),
            ("nothing", Vec::new()),
            ("a truncated member", packed[..end].to_vec()),
            ("half a member", packed[..end / 2].to_vec()),
            ("a head alone", packed[..10].to_vec()),
            ("a wrong sum", wrong_sum.clone()),
            ("a wrong length", wrong_length.clone()),
            ("trash behind", [&packed[..], b"trash"].concat()),
            ("packed twice", gzip(&packed)),
        ] {
            let headers = [
                ("Content-Encoding", "gzip"),
                ("Content-Type", "application/json"),
            ];
            let reply = bench.refused(&target, &headers, body, what).await;
            assert_eq!(reply.status, 400, "{what}");
        }
    }
}

#[tokio::test]
async fn an_encoding_that_is_not_known_is_refused() {
    let bench = Bench::new().await;
    let patch = &bench.targets()[0];
    for encoding in [
        "br",
        "deflate",
        "zstd",
        "compress",
        "gzip, gzip",
        "gzip, br",
        "nonsense",
    ] {
        let headers = [("Content-Encoding", encoding)];
        let reply = bench.refused(patch, &headers, gzip(BODY), encoding).await;
        assert_eq!(reply.status, 415, "{encoding}");
        assert_eq!(reply.code(), "UnsupportedMediaType");
    }
    // Two headers are one list (RFC 9110, 5.3).
    let headers = [("Content-Encoding", "identity"), ("Content-Encoding", "br")];
    let reply = bench.refused(patch, &headers, BODY, "two headers").await;
    assert_eq!(reply.status, 415);
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_goes_off() {
    let bench = Bench::new().await;
    let bomb = bomb();
    assert!(bomb.len() < 4 * 1024 * 1024, "a bomb within the limit");
    let members = gzip(&vec![0; 1024 * 1024]).repeat(1024);
    let before = high_water();
    for target in bench.targets() {
        for body in [&bomb, &members] {
            let headers = [("Content-Encoding", "gzip")];
            let reply = bench
                .refused(&target, &headers, body.clone(), "a bomb")
                .await;
            assert_eq!(reply.status, 413);
        }
    }
    // Of 1 GiB; other tests may run beside this one.
    let grown = high_water() - before;
    assert!(grown < 256 * 1024, "{grown} KiB");
}

/// The most memory that the process has had, in KiB.
fn high_water() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}

#[tokio::test]
async fn a_body_must_be_said_to_be_json() {
    let bench = Bench::new().await;
    let targets = bench.targets();
    for target in &targets {
        for content_type in [
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/mixed; boundary=b",
            "application/jsonp",
            "application/vnd.example+json",
            "json",
            "application/json; charset=utf-16",
            "application/json; charset=iso-8859-1",
            "application/json, text/plain",
        ] {
            let headers = [("Content-Type", content_type)];
            let reply = bench.refused(target, &headers, "{}", content_type).await;
            assert_eq!(reply.status, 415, "{content_type}");
            assert_eq!(reply.code(), "UnsupportedMediaType");
        }
    }
    for content_type in [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false",
    ] {
        let headers = [("Content-Type", content_type)];
        let reply = bench.send(&targets[0], &headers, BODY).await;
        assert_eq!(reply.status, 200, "{content_type}: {}", reply.text());
    }
    bench.send(&targets[0], &[], BODY).await.expect(200);
    let marked = [b"\xef\xbb\xbf", BODY].concat();
    bench.send(&targets[0], &[], marked).await.expect(200);
}
