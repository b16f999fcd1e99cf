//! HTTP/1.1 on a connection that is kept: as little work as can be, for it takes its CPU from the server.

use std::io;

use ssvirt_conformance::target::Stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Heads of answers are far smaller.
const BUFFER: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;

/// What is wanted of an answer. Bodies are read and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Bytes of the body.
    pub body: u64,
    /// Whether the server closes the connection.
    pub closes: bool,
}

/// A connection.
pub struct Connection {
    stream: Box<dyn Stream>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

/// How long a body is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Bytes(u64),
    Chunks,
    UntilClosed,
}

impl Connection {
    pub fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, buffer: vec![0; BUFFER].into(), start: 0, end: 0 }
    }

    /// Sends a request, whole as it goes over the wire, and reads the answer. After an error the connection
    /// can only be dropped.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let (status, length, closes) = self.head().await?;
        let body = match length {
            Length::Bytes(bytes) => self.skip(bytes).await.map(|()| bytes)?,
            Length::Chunks => self.chunks().await?,
            Length::UntilClosed => self.rest().await?,
        };
        Ok(Answer { status, body, closes: closes || length == Length::UntilClosed })
    }

    async fn head(&mut self) -> io::Result<(u16, Length, bool)> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response.parse(&self.buffer[self.start..self.end]).map_err(wrong)?;
            if let (httparse::Status::Complete(size), Some(status)) = (parsed, response.code) {
                let length = length_of(status, response.headers)?;
                let closes = header(response.headers, "connection")
                    .is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
                self.start += size;
                return Ok((status, length, closes));
            }
            self.fill().await?;
        }
    }

    /// Chunks up to the last, and what comes behind it.
    async fn chunks(&mut self) -> io::Result<u64> {
        let mut body = 0;
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(wrong)?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            body += size;
            self.skip(size).await?;
            if !self.line().await?.is_empty() {
                return Err(wrong("a chunk is longer than it says"));
            }
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            let read = &self.buffer[self.start..self.end];
            if let Some(size) = read.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&read[..size]).into_owned();
                self.start += size + 2;
                return Ok(line);
            }
            self.fill().await?;
        }
    }

    async fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        loop {
            let here = self.end - self.start;
            if here as u64 >= bytes {
                // Not more than the buffer's size, as was just seen.
                self.start += usize::try_from(bytes).unwrap_or(here);
                return Ok(());
            }
            bytes -= here as u64;
            self.start = self.end;
            self.fill().await?;
        }
    }

    async fn rest(&mut self) -> io::Result<u64> {
        let mut body = 0;
        loop {
            body += (self.end - self.start) as u64;
            self.start = self.end;
            match self.fill().await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(body),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads on, behind what was not taken yet.
    async fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            if self.start == 0 {
                return Err(wrong("the head of an answer is too long"));
            }
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        match self.stream.read(&mut self.buffer[self.end..]).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.end += read;
                Ok(())
            }
        }
    }
}

fn header<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn length_of(status: u16, headers: &[httparse::Header<'_>]) -> io::Result<Length> {
    if status == 204 || status == 304 || status < 200 {
        return Ok(Length::Bytes(0));
    }
    if let Some(coding) = header(headers, "transfer-encoding") {
        return match coding.eq_ignore_ascii_case(b"chunked") {
            true => Ok(Length::Chunks),
            false => Err(wrong("a transfer encoding that is not known")),
        };
    }
    match header(headers, "content-length") {
        None => Ok(Length::UntilClosed),
        Some(value) => {
            let value = str::from_utf8(value).map_err(wrong)?;
            value.trim().parse().map(Length::Bytes).map_err(wrong)
        }
    }
}

fn wrong(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of answers that arrive in pieces of that size.
    async fn read(pieces: usize, wire: &str) -> Vec<io::Result<Answer>> {
        let (near, mut far) = tokio::io::duplex(pieces);
        let wire = wire.as_bytes().to_vec();
        let server = tokio::spawn(async move {
            let mut request = [0; 4];
            far.read_exact(&mut request).await.unwrap();
            far.write_all(&wire).await.unwrap();
            drop(far);
        });
        let mut connection = Connection::new(Box::new(near));
        let mut answers = vec![connection.exchange(b"GET ").await];
        while answers.last().is_some_and(|last| last.as_ref().is_ok_and(|answer| !answer.closes)) {
            answers.push(connection.exchange(b"").await);
        }
        server.await.unwrap();
        answers
    }

    #[tokio::test]
    async fn answers_of_every_length_are_read_to_their_end() {
        let wire = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
                    HTTP/1.1 204 No Content\r\n\r\n\
                    HTTP/1.1 500 X\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n12\r\n\
                    0123456789abcdefgh\r\n0\r\nTrailer: x\r\n\r\n\
                    HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end";
        let expected = [(200, 5, false), (204, 0, false), (500, 21, false), (200, 13, true)];
        for pieces in [1, 7, 4096] {
            let answers = read(pieces, wire).await.into_iter().map(Result::unwrap);
            let answers: Vec<_> =
                answers.map(|answer| (answer.status, answer.body, answer.closes)).collect();
            assert_eq!(answers, expected, "pieces of {pieces}");
        }
    }

    #[tokio::test]
    async fn what_is_cut_off_is_an_error() {
        for wire in
            ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "SSH-2.0"]
        {
            assert!(read(4096, wire).await.pop().unwrap().is_err(), "{wire}");
        }
    }

    #[tokio::test]
    async fn bodies_may_be_longer_than_the_buffer() {
        let long = "x".repeat(3 * BUFFER);
        let wire = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{long}",
            long.len()
        );
        let answer = read(4096, &wire).await.pop().unwrap().unwrap();
        assert_eq!(answer.body, long.len() as u64);
    }
}
