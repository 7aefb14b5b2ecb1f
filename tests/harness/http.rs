//! One HTTP request, one answer. Small on purpose: a client library would hide what the server really sends.

use crate::in_time;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON: {}", self.text()))
    }
}

pub async fn get(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Response> {
    request(server, "GET", path, headers, b"").await
}

pub async fn post_json(server: SocketAddr, path: &str, body: &Value) -> Result<Response> {
    request(server, "POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes()).await
}

pub async fn request(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    in_time(&format!("answer to {method} {path}"), async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        let mut answer = Vec::new();
        // To the end of the connection, or of the body: chromedriver keeps the connection whatever it is told.
        while !is_whole(&answer) && stream.read_buf(&mut answer).await? > 0 {}
        parse(&answer)
    })
    .await?
}

/// Whether the body has as many bytes as the head has announced.
fn is_whole(answer: &[u8]) -> bool {
    let Ok(response) = parse(answer) else { return false };
    let length = response.header("content-length").and_then(|value| value.parse().ok());
    length.is_some_and(|length: usize| response.body.len() >= length)
}

fn parse(answer: &[u8]) -> Result<Response> {
    let end =
        answer.windows(4).position(|four| four == b"\r\n\r\n").context("an answer without an empty line")?;
    let head = std::str::from_utf8(&answer[..end])?;
    let body = &answer[end + 4..];
    let (status_line, fields) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = status_line.split(' ').nth(1).context("no status")?.parse()?;
    let headers: Vec<(String, String)> = fields
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked { unchunk(body)? } else { body.to_vec() };
    Ok(Response { status, headers, body })
}

fn unchunk(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").context("a chunk without a length")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line])?.trim(), 16)?;
        let chunk = rest.get(line + 2..).unwrap_or_default();
        if length == 0 {
            return Ok(body);
        }
        let Some(content) = chunk.get(..length) else { bail!("a chunk that is cut off") };
        body.extend_from_slice(content);
        rest = chunk.get(length + 2..).unwrap_or_default();
    }
}
