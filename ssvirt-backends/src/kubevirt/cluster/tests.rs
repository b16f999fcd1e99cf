//! Against a cluster by script, in a time that passes only where something waits.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Error, api::PostParams};

use super::*;

/// What the next calls are answered, then `otherwise`; 0 is never.
#[derive(Default)]
struct Script {
    next: VecDeque<u16>,
    otherwise: u16,
    retry_after: Option<u64>,
    asked: Vec<String>,
}

#[derive(Clone, Default)]
struct Far(Arc<Mutex<Script>>);

impl Far {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap()
    }

    fn asked(&self) -> usize {
        self.script().asked.len()
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let (status, retry_after) = {
            let mut script = self.script();
            script.asked.push(format!("{} {} {}", parts.method, parts.uri.path(), body.len()));
            (script.next.pop_front().unwrap_or(script.otherwise), script.retry_after)
        };
        if status == 0 {
            std::future::pending::<()>().await;
        }
        if status == 1 {
            return Err("connection refused".into());
        }
        let mut answer = Response::builder().status(status);
        if let Some(seconds) = retry_after {
            answer = answer.header("retry-after", seconds);
        }
        let body = match status {
            200 => r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#.to_owned(),
            _ => format!(
                r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","message":"m","reason":"r","code":{status}}}"#
            ),
        };
        Ok(answer.body(Body::from(body.into_bytes()))?)
    }
}

fn cluster(otherwise: u16, options: ClusterOptions) -> (Cluster, Far) {
    let far = Far::default();
    far.script().otherwise = otherwise;
    let service = {
        let far = far.clone();
        service_fn(move |request| {
            let far = far.clone();
            async move { far.answer(request).await }
        })
    };
    (Cluster::new(Client::new(service, "default"), options), far)
}

fn no_retry() -> ClusterOptions {
    ClusterOptions {
        retry: RetryOptions { times: 0, ..RetryOptions::default() },
        ..ClusterOptions::default()
    }
}

async fn get(cluster: &Cluster) -> kube::Result<ConfigMap> {
    Api::namespaced(cluster.client(), "vdc-a").get("a").await
}

async fn create(cluster: &Cluster) -> kube::Result<ConfigMap> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client(), "vdc-a");
    api.create(&PostParams::default(), &ConfigMap::default()).await
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_is_away_is_left_alone_until_it_is_back() {
    for away in [1, 500, 503, 429, 401, 0] {
        let (cluster, far) = cluster(away, no_retry());
        for _ in 0..5 {
            assert!(get(&cluster).await.is_err(), "{away}");
        }
        assert_eq!((cluster.breaker().state(), far.asked()), (BreakerState::Open, 5), "{away}");
        let start = Instant::now();
        for _ in 0..100 {
            let refused = get(&cluster).await.unwrap_err();
            assert!(matches!(refused, Error::Service(why) if why.is::<Away>()), "{away}");
        }
        assert_eq!((far.asked(), start.elapsed()), (5, Duration::ZERO), "{away}");
        // Nobody asks anything of it, and it is looked after all the same.
        sleep(Duration::from_secs(60)).await;
        assert_ne!(cluster.breaker().state(), BreakerState::Closed, "{away}");
        let probes = far.asked() - 5;
        assert!((2..=12).contains(&probes), "{away}: {probes}");
        far.script().otherwise = 200;
        sleep(Duration::from_secs(21)).await;
        assert_eq!(cluster.breaker().state(), BreakerState::Closed, "{away}");
        assert!(get(&cluster).await.is_ok(), "{away}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_was_answered() {
    for refusal in [400, 403, 404, 409, 410, 422] {
        let (cluster, far) = cluster(refusal, ClusterOptions::default());
        for _ in 0..20 {
            let refused = get(&cluster).await.unwrap_err();
            assert!(matches!(refused, Error::Api(status) if status.code == refusal));
        }
        assert_eq!((cluster.breaker().state(), far.asked()), (BreakerState::Closed, 20));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_opens_no_console_is_not_the_cluster() {
    let all = [(500, BreakerState::Closed), (0, BreakerState::Closed), (503, BreakerState::Open)];
    for (refusal, state) in all {
        let (cluster, far) = cluster(refusal, no_retry());
        for _ in 0..5 {
            assert!(console(&cluster).await.is_err());
        }
        assert_eq!((cluster.breaker().state(), far.asked()), (state, 5), "{refusal}");
    }
}

async fn console(cluster: &Cluster) -> kube::Result<String> {
    let path = "/apis/subresources.kubevirt.io/v1/namespaces/vdc-a/virtualmachineinstances/a/vnc";
    cluster.client().request_text(Request::get(path).body(Vec::new()).unwrap()).await
}

/// Nor is it a sign that one which was away is back.
#[tokio::test(start_paused = true)]
async fn a_node_that_opens_no_console_closes_no_breaker() {
    let (cluster, far) = cluster(500, no_retry());
    for _ in 0..4 {
        assert!(get(&cluster).await.is_err());
    }
    assert!(console(&cluster).await.is_err());
    assert_eq!(cluster.breaker().state(), BreakerState::Closed);
    assert!(get(&cluster).await.is_err());
    assert_eq!((cluster.breaker().state(), far.asked()), (BreakerState::Open, 6));
}

#[tokio::test(start_paused = true)]
async fn what_may_be_done_twice_is_asked_again() {
    let (cluster, far) = cluster(200, ClusterOptions::default());
    far.script().next = [503, 1, 500].into();
    assert!(get(&cluster).await.is_ok());
    assert_eq!(far.asked(), 4);
    far.script().next = [503].into();
    assert!(matches!(create(&cluster).await, Err(Error::Api(status)) if status.code == 503));
    assert_eq!(far.asked(), 5);
    // It was not carried out, and it is said when to come back.
    far.script().next = [429].into();
    far.script().retry_after = Some(2);
    let start = Instant::now();
    assert!(create(&cluster).await.is_ok());
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    let asked = far.script().asked.clone();
    assert!(asked[5] == asked[6] && !asked[5].ends_with(" 0"), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn it_is_away_at_start_where_it_does_not_answer() {
    for away in [0, 1, 503] {
        let (cluster, far) = cluster(away, ClusterOptions::default());
        assert!(!cluster.find(Duration::from_secs(3)).await);
        assert_eq!((cluster.reach(), far.asked()), (Reach::NotYet, 1), "{away}");
        far.script().otherwise = 404;
        sleep(Duration::from_secs(6)).await;
        assert_eq!(cluster.reach(), Reach::Here, "{away}");
        far.script().otherwise = away;
        assert!(!cluster.find(Duration::from_secs(3)).await);
        assert_eq!(cluster.reach(), Reach::Lost, "{away}");
    }
    let (cluster, _) = cluster(200, ClusterOptions::default());
    assert!(cluster.find(Duration::from_secs(3)).await);
    assert_eq!(cluster.breaker().state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_nobody_waits_for_does_not_block_the_next() {
    let (cluster, far) = cluster(1, no_retry());
    for _ in 0..5 {
        assert!(get(&cluster).await.is_err());
    }
    far.script().otherwise = 0;
    // Ours is the probe, before the cluster's own.
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(timeout(Duration::from_millis(1), get(&cluster)).await.is_err());
    far.script().otherwise = 200;
    sleep(Duration::from_secs(25)).await;
    assert_eq!(cluster.breaker().state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn one_tenants_calls_leave_room_for_anothers() {
    let (cluster, far) = cluster(0, no_retry());
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let cluster = cluster.clone();
            tokio::spawn(async move { get(&cluster).await })
        })
        .collect();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(far.asked(), LimitOptions::default().per_namespace);
    far.script().otherwise = 200;
    let all = Request::get("/api/v1/namespaces").body(Vec::new()).unwrap();
    cluster.client().request_text(all).await.unwrap();
    let elsewhere: Api<ConfigMap> = Api::namespaced(cluster.client(), "vdc-b");
    elsewhere.get("a").await.unwrap();
    for call in calls {
        call.abort();
    }
}
