//! What happens to a request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use kube::{Client, client::Body};
use poem::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::json;
use tower::{BoxError, service_fn};

/// What happens at one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The process dies before it is sent.
    KilledBefore,
    /// The process dies when it was answered.
    KilledAfter,
    /// The API server refuses it, then and ever after.
    Refused,
    /// It is done, but the answer is lost.
    Lost,
}

impl Ending {
    pub const ALL: [Self; 4] = [Self::KilledBefore, Self::KilledAfter, Self::Refused, Self::Lost];

    pub fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|ending| format!("{ending:?}") == name).unwrap()
    }

    pub fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }
}

/// Sits between a client and the API server.
pub struct Hook {
    ending: Ending,
    at: u32,
    armed: AtomicBool,
    seen: AtomicU32,
    struck: AtomicBool,
    /// What is refused ever after: method and path.
    refused: std::sync::Mutex<Option<(Method, String)>>,
}

impl Hook {
    pub fn new(ending: Ending, at: u32) -> Arc<Self> {
        Arc::new(Self {
            ending,
            at,
            armed: AtomicBool::new(false),
            seen: AtomicU32::new(0),
            struck: AtomicBool::new(false),
            refused: std::sync::Mutex::new(None),
        })
    }

    pub fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    pub fn disarm(&self) {
        self.armed.store(false, Ordering::SeqCst);
    }

    pub fn has_struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }

    /// Whether something happens to this one. What only asks, and what is only noted beside, is not counted.
    fn is_due(&self, request: &Request<Body>) -> bool {
        let path = request.uri().path();
        let changes = !matches!(*request.method(), Method::GET)
            && !path.contains("reviews")
            && !path.contains("/events");
        if !changes || !self.armed.load(Ordering::SeqCst) {
            return false;
        }
        if let Some((method, refused)) = &*self.refused.lock().unwrap() {
            return method == request.method() && refused == path;
        }
        if self.has_struck() || self.seen.fetch_add(1, Ordering::SeqCst) + 1 != self.at {
            return false;
        }
        self.struck.store(true, Ordering::SeqCst);
        if self.ending == Ending::Refused {
            let what = (request.method().clone(), path.to_owned());
            *self.refused.lock().unwrap() = Some(what);
        }
        true
    }

    /// The client with this in between.
    pub fn around(self: Arc<Self>, client: Client) -> Client {
        let namespace = client.default_namespace().to_owned();
        let service = service_fn(move |request: Request<Body>| {
            let (hook, client) = (Arc::clone(&self), client.clone());
            async move {
                let due = hook.is_due(&request);
                match hook.ending {
                    Ending::KilledBefore if due => std::process::abort(),
                    Ending::Refused if due => return Ok::<_, BoxError>(refusal()),
                    _ => {}
                }
                let answer = client.send(request).await?;
                match hook.ending {
                    Ending::KilledAfter if due => std::process::abort(),
                    Ending::Lost if due => Err("the connection was closed".into()),
                    _ => Ok(answer),
                }
            }
        });
        Client::new(service, namespace)
    }
}

fn refusal() -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 422, "reason": "Invalid",
        "message": "admission webhook \"rules.example.com\" denied the request: not today",
    });
    let mut answer = Response::new(Body::from(status.to_string().into_bytes()));
    *answer.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
