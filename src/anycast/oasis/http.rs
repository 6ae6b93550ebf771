//! A core node as a web server: whatever is asked for is at the replica nearest to the client (RFC 9110).

use std::net::SocketAddr;
use std::time::Duration;

use super::dns::{Named, Zone};

/// Of web servers.
pub(super) const PORT: u16 = 80;

/// Longest head of a request.
pub(super) const MAX_HEAD: usize = 4096;
const MAX_HEADERS: usize = 32;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) service: u16,
    /// At the replica: from the slash on.
    pub(super) path: String,
}

/// What has arrived of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Not yet its whole head.
    Partly,
    Request(Request),
    /// It is answered with this status.
    Refused(u16),
}

/// Reads the head of a request. The service is that of the host's name, or the first part of the path.
pub(super) fn read(zone: &Zone, bytes: &[u8]) -> Heard {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => {}
        Ok(httparse::Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => return Heard::Refused(431),
        Ok(httparse::Status::Partial) if bytes.len() >= MAX_HEAD => return Heard::Refused(431),
        Ok(httparse::Status::Partial) => return Heard::Partly,
        Err(_) => return Heard::Refused(400),
    }
    if !matches!(request.method, Some("GET" | "HEAD")) {
        return Heard::Refused(405);
    }
    let target = request.path.unwrap_or_default();
    let mut hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    let host = hosts.next().and_then(|header| std::str::from_utf8(header.value).ok());
    // One host, no more (RFC 9112 §3.2).
    if hosts.next().is_some() || (host.is_none() && request.version == Some(1)) {
        return Heard::Refused(400);
    }
    let (host, path) = match target.strip_prefix("http://") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => (host.unwrap_or_default(), target),
    };
    let path = if path.is_empty() { "/" } else { path };
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Heard::Refused(400);
    }
    let name = host.trim().rsplit_once(':').map_or(host.trim(), |(name, _)| name).trim_end_matches('.');
    if let Named::Service(service) = zone.named(name) {
        return Heard::Request(Request { service, path: path.to_owned() });
    }
    let (first, rest) = path[1..].split_at(path[1..].find(['/', '?']).unwrap_or(path.len() - 1));
    let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    zone.service(first).map_or(Heard::Refused(404), |service| Heard::Request(Request { service, path }))
}

/// Points to the same path at a replica, for no longer than an answer holds.
pub(super) fn redirect(replica: SocketAddr, path: &str, ttl: Duration) -> Vec<u8> {
    let age = ttl.as_secs();
    let head = format!("Location: http://{replica}{path}\r\nCache-Control: private, max-age={age}\r\n");
    response(302, &head)
}

pub(super) fn refuse(status: u16) -> Vec<u8> {
    let head = match status {
        405 => "Allow: GET, HEAD\r\nCache-Control: no-store\r\n",
        503 => "Retry-After: 1\r\nCache-Control: no-store\r\n",
        _ => "Cache-Control: no-store\r\n",
    };
    response(status, head)
}

fn response(status: u16, head: &str) -> Vec<u8> {
    let reason = match status {
        302 => "Found",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        431 => "Request Header Fields Too Large",
        _ => "Service Unavailable",
    };
    format!("HTTP/1.1 {status} {reason}\r\n{head}Content-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}
