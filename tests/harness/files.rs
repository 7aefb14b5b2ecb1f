//! A directory over HTTP, for pages that are not the broker's.

use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A server of files; it ends when this is dropped.
pub struct FileServer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl FileServer {
    /// Serves the files of `directory`, on a port of the system's choice.
    pub async fn start(directory: PathBuf) -> Result<FileServer> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A browser that hangs up is none of the server's business.
                let _ = serve(stream, &directory).await;
            }
        });
        Ok(FileServer { address, _tasks: tasks })
    }

    /// The address of a file.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }
}

/// One request, one answer.
async fn serve(stream: TcpStream, directory: &Path) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let path = request.split(' ').nth(1).context("no path")?;
    let name = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    let kind = match name.rsplit_once('.') {
        Some((_, "html")) => "text/html",
        Some((_, "js")) => "text/javascript",
        Some((_, "wasm")) => "application/wasm",
        _ => "application/octet-stream",
    };
    let (status, body) = match std::fs::read(directory.join(name)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    Ok(stream.shutdown().await?)
}
