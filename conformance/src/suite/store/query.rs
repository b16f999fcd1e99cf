//! The query service: who sees what, filters, order, pages.

use ssvirt_core::{
    Error, ErrorKind, Id, TenancyStore, filter,
    model::{MetadataDomain, MetadataEntry, MetadataType, Org, User, Visibility},
    page::{Page, PageRequest},
    query::{Query, RecordType, Row, Scope, Subject, Value},
    rights,
};

use super::{
    scene::{self, World, at, begin, id, put, read},
    sums::entry,
};

/// Asks for a record type by its name, with a filter as clients write it.
pub(super) struct Ask(pub(super) Query, Scope);

pub(super) fn ask(record: &str, filter: &str) -> Ask {
    let query = Query {
        filter: filter::parse(filter).unwrap(),
        sort: vec![("name".to_owned(), false)],
        page: PageRequest::new(1, 128).unwrap(),
        ..Query::new(RecordType::from_name(record).unwrap())
    };
    Ask(query, Scope::default())
}

impl Ask {
    pub(super) fn org(mut self, org: Id<Org>) -> Self {
        self.1.org = Some(org);
        self
    }

    pub(super) fn owner(mut self, owner: Id<User>) -> Self {
        self.1.owner = Some(owner);
        self
    }

    pub(super) fn page(mut self, page: u32, size: u32) -> Self {
        self.0.page = PageRequest::new(page, size).unwrap();
        self
    }

    pub(super) fn sort(mut self, sort: &[(&str, bool)]) -> Self {
        self.0.sort =
            sort.iter().map(|(field, descending)| ((*field).to_owned(), *descending)).collect();
        self
    }

    pub(super) fn old(mut self) -> Self {
        self.0.modern_status = false;
        self
    }

    pub(super) fn fields(mut self, fields: &[&'static str]) -> Self {
        self.0.fields = Some(fields.to_vec());
        self
    }

    async fn ask(&self, store: &dyn TenancyStore) -> Result<Page<Row>, Error> {
        read(store).await.query(self.1, &self.0).await
    }

    pub(super) async fn rows(&self, store: &dyn TenancyStore) -> Page<Row> {
        self.ask(store).await.unwrap_or_else(|error| panic!("{:?}: {error:?}", self.0))
    }

    /// The rows of all pages.
    pub(super) async fn all(&mut self, store: &dyn TenancyStore) -> Vec<Row> {
        let mut rows = Vec::new();
        for page in 1.. {
            self.0.page = PageRequest::new(page, PageRequest::MAX_SIZE).unwrap();
            let found = self.rows(store).await;
            rows.extend(found.items);
            if rows.len() as u64 >= found.total {
                break;
            }
        }
        rows
    }

    /// The values of one field.
    pub(super) async fn values(&self, store: &dyn TenancyStore, field: &str) -> Vec<Value> {
        let (place, _) = self.0.record.field(field).unwrap();
        self.rows(store).await.items.into_iter().map(|row| row.values[place].clone()).collect()
    }

    pub(super) async fn names(&self, store: &dyn TenancyStore) -> Vec<String> {
        let texts = self.values(store, "name").await;
        texts
            .into_iter()
            .map(|value| if let Value::Text(text) = value { text } else { panic!("{value:?}") })
            .collect()
    }
}

/// A tenant sees nothing of another, whatever the filter says.
pub async fn tenants_see_their_own(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    for (user, org) in [(&w.ann, w.a.id), (&w.bob, w.b.id)] {
        put(store, &scene::task(org, user, org.any(), at(0))).await.unwrap();
    }
    for record in RecordType::ALL {
        if record.subject == Subject::Right {
            continue;
        }
        let all = ask(record.name(), "").rows(store).await;
        let mut seen = 0;
        for org in [w.a.id, w.b.id] {
            // Without the catalogs of `b`, of which one is published.
            let page = ask(record.name(), "").org(org).rows(store).await;
            assert_eq!(page.total, page.items.len() as u64);
            seen += page.total;
        }
        let published = match record.subject {
            Subject::Catalog | Subject::CatalogItem | Subject::VAppTemplate | Subject::Vm => 1,
            _ => 0,
        };
        assert_eq!(seen, all.total + published, "{}", record.name());
        assert_eq!(
            ask(record.name(), "").org(id()).rows(store).await.total,
            published,
            "{}",
            record.name()
        );
    }
    let mine = |record, filter: &str| ask(record, filter).org(w.a.id);
    assert_eq!(mine("vm", "name==*").names(store).await, ["t1-vm", "t2-vm", "web1", "web2"]);
    assert_eq!(mine("vm", "name==foreign-vm,name==web1").names(store).await, ["web1"]);
    assert_eq!(mine("vApp", &format!("id=={}", w.foreign.id)).rows(store).await.total, 0);
    assert_eq!(mine("organization", "").names(store).await, ["a"]);
    let filter = format!("vdc=={},name==*", w.other_vdc.id);
    assert_eq!(mine("vApp", &filter).names(store).await, ["empty", "web"]);
}

/// What another organization publishes is seen, what it does not is not.
pub async fn published_catalogs_are_seen(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    let mine = |record| ask(record, "").org(w.a.id);
    assert_eq!(mine("catalog").names(store).await, ["mine", "published"]);
    assert_eq!(mine("catalogItem").names(store).await, ["t1", "t2"]);
    assert_eq!(mine("vAppTemplate").names(store).await, ["t1", "t2"]);
    assert_eq!(mine("vm").names(store).await, ["t1-vm", "t2-vm", "web1", "web2"]);
    let filter = format!("id=={}", w.secret_template.id);
    assert_eq!(ask("vAppTemplate", &filter).org(w.a.id).rows(store).await.total, 0);
    let filter = format!("catalog=={}", w.published.id);
    assert_eq!(
        ask("vAppTemplate", &filter).org(w.a.id).rows(store).await.items[0].id,
        w.published_template.id.uuid()
    );
    let filter = format!("catalog=={}", w.secret.id);
    assert_eq!(ask("catalogItem", &filter).org(w.a.id).rows(store).await.total, 0);
}

/// What is published to some is seen by those, and by them alone.
pub async fn published_catalogs_have_readers(store: &dyn TenancyStore) {
    let mut w = World::new(store).await;
    let catalog = &mut w.published;
    for (readers, seen) in
        [(Some(vec![id(), w.a.id]), 1), (Some(vec![id()]), 0), (Some(Vec::new()), 0), (None, 1)]
    {
        catalog.readers = readers;
        let mut tx = begin(store).await;
        tx.update(catalog).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(read(store).await.require(catalog.id).await.unwrap(), *catalog);
        for (record, filter) in [
            ("catalog", format!("id=={}", catalog.id)),
            ("catalogItem", format!("catalog=={}", catalog.id)),
            ("vAppTemplate", format!("catalog=={}", catalog.id)),
            ("vm", format!("container=={}", w.published_template.id)),
        ] {
            let total = |org| ask(record, &filter).org(org);
            assert_eq!(total(w.a.id).rows(store).await.total, seen, "{record}");
            assert_eq!(total(w.b.id).rows(store).await.total, 1, "{record}");
        }
    }
}

/// A tenant sees its own roles and those of all, but not the provider's.
pub async fn roles_of_a_tenant(store: &dyn TenancyStore) {
    let (a, b) = (id(), id());
    for role in [
        scene::role(None, rights::role::SYSTEM_ADMINISTRATOR),
        scene::role(None, rights::role::VAPP_AUTHOR),
        scene::role(Some(a), "own"),
        scene::role(Some(b), "other"),
    ] {
        put(store, &role).await.unwrap();
    }
    assert_eq!(ask("role", "").org(a).names(store).await, ["own", rights::role::VAPP_AUTHOR]);
    assert_eq!(ask("role", "").rows(store).await.total, 4);
    assert_eq!(ask("role", "name==System*").org(a).rows(store).await.total, 0);
}

/// Who is confined to what they own sees no other vApps, VMs and tasks, but templates.
pub async fn owners_see_their_own(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    for user in [&w.ann, &w.alf] {
        put(store, &scene::task(w.a.id, user, w.web.id.any(), at(0))).await.unwrap();
    }
    let alf = |record| ask(record, "").org(w.a.id).owner(w.alf.id);
    assert_eq!(alf("vApp").names(store).await, ["empty"]);
    assert_eq!(alf("vm").names(store).await, ["t1-vm", "t2-vm"]);
    assert_eq!(alf("vAppNetwork").names(store).await, [""; 0]);
    assert_eq!(alf("task").values(store, "ownerName").await, [Value::Text("alf".to_owned())]);
    assert_eq!(alf("orgVdc").names(store).await, ["vdc"]);
    assert_eq!(ask("vApp", "").org(w.a.id).owner(w.ann.id).names(store).await, ["web"]);
    assert_eq!(
        ask("vm", "isVAppTemplate==false").org(w.a.id).owner(w.ann.id).names(store).await,
        ["web1", "web2"]
    );
}

/// Pages are parts of one list, and the total is that of the list.
pub async fn pages_and_totals(store: &dyn TenancyStore) {
    let org = scene::org("o");
    let vdc = scene::vdc(org.id, id(), "v");
    let mut tx = begin(store).await;
    for index in 0..11 {
        let vapp = scene::vapp(&vdc, id(), &format!("vapp{index:02}"));
        tx.insert(&vapp).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut seen = Vec::new();
    for page in 1..=4 {
        let ask = ask("vApp", "").page(page, 3);
        let rows = ask.rows(store).await;
        assert_eq!((rows.total, rows.page_count(), rows.request.page()), (11, 4, page));
        seen.extend(ask.names(store).await);
    }
    let all: Vec<_> = (0..11).map(|index| format!("vapp{index:02}")).collect();
    assert_eq!(seen, all);
    for (page, size) in [(5, 3), (2, 11), (2, 128), (u32::MAX, 128)] {
        let rows = ask("vApp", "").page(page, size).rows(store).await;
        assert_eq!((rows.items.len(), rows.total), (0, 11), "page {page} of {size}");
    }
    assert_eq!(ask("vApp", "").page(1, 11).rows(store).await.total, 11);
    let filtered = ask("vApp", "name==vapp0*").page(2, 4).rows(store).await;
    assert_eq!((filtered.items.len(), filtered.total), (4, 10));
    let unsorted = ask("vApp", "").sort(&[]).page(1, 128).rows(store).await;
    let ids: Vec<_> = unsorted.items.iter().map(|row| row.id).collect();
    assert!(ids.is_sorted(), "without an order by id");
}

/// By any field, either way, then by the next and by id; what has no value comes last.
pub async fn sorting(store: &dyn TenancyStore) {
    let org = scene::org("o");
    let vdc = scene::vdc(org.id, id(), "v");
    let vapp = scene::vapp(&vdc, id(), "a");
    let mut tx = begin(store).await;
    tx.insert(&vapp).await.unwrap();
    for (name, cpus, ip) in [
        ("b", 1, None),
        ("A", 2, Some("10.0.0.2")),
        ("a", 2, Some("10.0.0.1")),
        ("é", 3, None),
        ("_", 3, None),
        ("Z z", 1, None),
    ] {
        let mut vm = scene::vm(&vapp, name);
        vm.spec.cpus = cpus;
        vm.spec.nics = vec![scene::nic(0, "n", None, ip.map(|ip| ip.parse().unwrap()))];
        tx.insert(&vm).await.unwrap();
    }
    tx.commit().await.unwrap();
    let sorted = |sort: &[(&str, bool)]| ask("vm", "").sort(sort);
    assert_eq!(
        sorted(&[("name", false)]).names(store).await,
        ["A", "Z z", "_", "a", "b", "é"],
        "byte by byte"
    );
    assert_eq!(sorted(&[("name", true)]).names(store).await, ["é", "b", "a", "_", "Z z", "A"]);
    let by_cpus = sorted(&[("numberOfCpus", true), ("name", false)]);
    assert_eq!(by_cpus.names(store).await, ["_", "é", "A", "a", "Z z", "b"]);
    for (descending, first) in [(false, "a"), (true, "A")] {
        let by_address = sorted(&[("ipAddress", descending), ("name", false)]).names(store).await;
        assert_eq!(by_address[0], first);
        assert_eq!(by_address[2..], ["Z z", "_", "b", "é"], "those without come last");
    }
    assert_eq!(
        sorted(&[("isVAppTemplate", true), ("gcStatus", false), ("name", false)])
            .names(store)
            .await
            .len(),
        6
    );
}

/// Only the wanted fields are answered, in the order in which they are named; the rows are the same.
pub async fn only_wanted_fields(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    put(store, &scene::task(w.a.id, &w.ann, w.web.id.any(), at(0))).await.unwrap();
    for record in RecordType::ALL {
        let all = ask(record.name(), "").rows(store).await;
        for fields in [&["name"][..], &["name", "id"], &[]] {
            let some = ask(record.name(), "").fields(fields).rows(store).await;
            assert_eq!(some.total, all.total, "{}", record.name());
            assert_eq!(some.items.len(), all.items.len(), "{}", record.name());
            for (some, all) in some.items.iter().zip(&all.items) {
                let places = fields.iter().map(|name| record.field(name).unwrap().0);
                let expected: Vec<_> = places.map(|place| all.values[place].clone()).collect();
                assert_eq!((some.id, &some.values), (all.id, &expected), "{}", record.name());
            }
        }
    }
    let sorted = ask("vm", "").sort(&[("numberOfCpus", true), ("name", false)]).fields(&["name"]);
    assert_eq!(sorted.rows(store).await.items[0].values, [Value::Text("web1".to_owned())]);
    let beyond = ask("vm", "").fields(&["name"]).page(9, 5).rows(store).await;
    assert_eq!((beyond.items.len(), beyond.total), (0, 6));
    let error = ask("vm", "").fields(&["nope"]).ask(store).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
}

/// References are compared by what they refer to, however they are written.
pub async fn references_in_any_form(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    let vdc = w.vdc.id;
    for reference in [
        vdc.to_string(),
        vdc.urn(),
        format!("https://host:8443/api/vdc/{vdc}"),
        format!("https://other/api/admin/vdc/{vdc}"),
    ] {
        assert_eq!(
            ask("vApp", &format!("vdc=={reference}")).names(store).await,
            ["empty", "web"],
            "{reference}"
        );
        assert_eq!(
            ask("vApp", &format!("vdc!={reference}")).names(store).await,
            ["foreign"],
            "{reference}"
        );
    }
    let vm = w.web1.id;
    for reference in [vm.to_string(), vm.urn(), format!("https://h/api/vApp/vm-{vm}")] {
        assert_eq!(ask("vm", &format!("id=={reference}")).names(store).await, ["web1"]);
        assert_eq!(ask("vm", &format!("href=={reference}")).names(store).await, ["web1"]);
    }
    let template = w.template.id;
    let filter = format!("container==https://h/api/vAppTemplate/vappTemplate-{template}");
    assert_eq!(ask("vm", &filter).names(store).await, ["t1-vm"]);
    let filter = format!("container==https://h/api/vApp/vapp-{}", w.web.id);
    assert_eq!(ask("vm", &filter).names(store).await, ["web1", "web2"]);
    for nonsense in ["x", "", "urn:vcloud:org:x", &w.a.id.urn(), "https://h/api/vdc/"] {
        assert_eq!(
            ask("vApp", &format!("vdc=={nonsense}")).rows(store).await.total,
            0,
            "{nonsense}"
        );
        assert_eq!(
            ask("vApp", &format!("vdc!={nonsense}")).rows(store).await.total,
            3,
            "{nonsense}"
        );
    }
    // A template VM is in no VDC: unequal to any.
    assert_eq!(
        ask("vm", &format!("vdc!={vdc}")).names(store).await,
        ["foreign-vm", "t1-vm", "t2-vm", "t3-vm"]
    );
}

/// Statuses are compared by name.
pub async fn statuses_by_name(store: &dyn TenancyStore) {
    World::new(store).await;
    let vms = |filter: &str| ask("vm", &format!("isVAppTemplate==false;{filter}"));
    assert_eq!(vms("status==POWERED_ON").names(store).await, ["web1"]);
    assert_eq!(vms("status==4").names(store).await, ["web1"]);
    assert_eq!(vms("status!=POWERED_ON").names(store).await, ["foreign-vm", "web2"]);
    assert_eq!(vms("status==POWERED*").names(store).await, ["foreign-vm", "web1", "web2"]);
    assert_eq!(vms("status==*_OFF").names(store).await, ["foreign-vm", "web2"]);
    assert_eq!(vms("status==RUNNING").rows(store).await.total, 0);
    assert_eq!(vms("status!=LOCAL_COPY_UNAVAILABLE").rows(store).await.total, 3);
    let template =
        "status!=FAILED_CREATION;status!=UNKNOWN;status!=UNRECOGNIZED;status!=UNRESOLVED";
    assert_eq!(ask("vAppTemplate", template).names(store).await, ["t1", "t2", "t3"]);
}

/// Points in time are read as ISO 8601, with any offset.
pub async fn times(store: &dyn TenancyStore) {
    World::new(store).await;
    // at(30) is 2025-10-09T08:53:50Z
    for (filter, expected) in [
        ("dateCreated==2025-10-09T08:53:50Z", 3),
        ("dateCreated==2025-10-09T08:53:50.000Z", 3),
        ("dateCreated==2025-10-09T10:53:50.000+02:00", 3),
        ("dateCreated=gt=2025-10-09T08:53:50Z", 0),
        ("dateCreated=ge=2025-10-09T08:53:50Z", 3),
        ("dateCreated=lt=2025-10-09T08:53:50Z", 3),
        ("dateCreated!=2025-10-09T08:53:50Z", 3),
        ("dateCreated=le=2025-10-09T08:53:50Z", 6),
    ] {
        assert_eq!(ask("vm", filter).rows(store).await.total, expected, "{filter}");
    }
}

/// Wildcards are wildcards, and nothing else is.
pub async fn wildcards(store: &dyn TenancyStore) {
    let mut tx = begin(store).await;
    for name in ["abc", "ABC", "a_c", "a%c", "a\\c", "a*c", "ac", "(x)", "x;y,z"] {
        let org = scene::org(&format!("{name}-{}", if name == "ABC" { 2 } else { 1 }));
        tx.insert(&org).await.unwrap();
    }
    tx.commit().await.unwrap();
    for (filter, expected) in [
        ("name==a*c-1", vec!["a%c-1", "a*c-1", "a\\c-1", "a_c-1", "abc-1", "ac-1"]),
        (r"name==a\*c-1", vec!["a*c-1"]),
        ("name==a_c-*", vec!["a_c-1"]),
        ("name==a%c-*", vec!["a%c-1"]),
        (r"name==a\\c-*", vec!["a\\c-1"]),
        ("name==ABC*", vec!["ABC-2"]),
        ("name==*-2", vec!["ABC-2"]),
        (r"name==\(x\)*", vec!["(x)-1"]),
        (r"name==x\;y\,z-1", vec!["x;y,z-1"]),
        ("name!=*c-1", vec!["(x)-1", "ABC-2", "x;y,z-1"]),
        ("name==a*;name!=a*c-*", vec![]),
        ("name==", vec![]),
    ] {
        assert_eq!(ask("organization", filter).names(store).await, expected, "{filter}");
    }
}

/// Filters by metadata: by type, domain, and only by what the caller may see.
pub async fn metadata_in_filters(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    let (one, two) = (w.web1.id.any(), w.web2.id.any());
    let mut tx = begin(store).await;
    tx.put_metadata(
        one,
        &entry(MetadataDomain::General, "tier", MetadataType::String, "web front"),
    )
    .await
    .unwrap();
    tx.put_metadata(two, &entry(MetadataDomain::General, "tier", MetadataType::String, "db"))
        .await
        .unwrap();
    tx.put_metadata(one, &entry(MetadataDomain::General, "n", MetadataType::Number, "10"))
        .await
        .unwrap();
    tx.put_metadata(two, &entry(MetadataDomain::General, "n", MetadataType::Number, "9.5"))
        .await
        .unwrap();
    tx.put_metadata(one, &entry(MetadataDomain::General, "b", MetadataType::Boolean, "true"))
        .await
        .unwrap();
    let time = "2026-01-02T03:04:05Z";
    tx.put_metadata(one, &entry(MetadataDomain::General, "t", MetadataType::DateTime, time))
        .await
        .unwrap();
    let secret = entry(MetadataDomain::System, "cost", MetadataType::String, "high");
    tx.put_metadata(one, &MetadataEntry { visibility: Visibility::Private, ..secret })
        .await
        .unwrap();
    let shown = entry(MetadataDomain::System, "zone", MetadataType::String, "z1");
    tx.put_metadata(one, &MetadataEntry { visibility: Visibility::ReadOnly, ..shown })
        .await
        .unwrap();
    tx.commit().await.unwrap();

    for (filter, expected) in [
        ("metadata:tier==STRING:web front", vec!["web1"]),
        ("metadata:tier==STRING:*b*", vec!["web1", "web2"]),
        ("metadata:tier==db", vec!["web2"]),
        ("metadata:tier==NUMBER:1", vec![]),
        ("metadata:n==NUMBER:10.0", vec!["web1"]),
        ("metadata:n=gt=NUMBER:9", vec!["web1", "web2"]),
        ("metadata:n=lt=NUMBER:10", vec!["web2"]),
        ("metadata:b==BOOLEAN:true", vec!["web1"]),
        ("metadata:t=ge=DATETIME:2026-01-02T04:04:05+01:00", vec!["web1"]),
        ("metadata:t=gt=DATETIME:2026-01-02T03:04:05Z", vec![]),
        ("metadata@SYSTEM:cost==STRING:high", vec!["web1"]),
        ("metadata:cost==STRING:high", vec![]),
        ("metadata:tier!=STRING:db;isVAppTemplate==false", vec!["foreign-vm", "web1"]),
        ("metadata:tier==STRING:db,metadata:n==NUMBER:10", vec!["web1", "web2"]),
    ] {
        assert_eq!(ask("vm", filter).names(store).await, expected, "{filter}");
    }
    let tenant = |filter: &str| ask("vm", filter).org(w.a.id);
    assert_eq!(tenant("metadata@SYSTEM:cost==STRING:high").rows(store).await.total, 0);
    assert_eq!(tenant("metadata@SYSTEM:zone==STRING:z1").names(store).await, ["web1"]);
}

/// What cannot be understood is refused, and says what it was.
pub async fn nonsense_is_refused(store: &dyn TenancyStore) {
    for (record, filter, named) in [
        ("vm", "nope==1", "nope"),
        ("vm", "Name==1", "Name"),
        ("vm", "numberOfCpus==many", "numberOfCpus"),
        ("vm", "numberOfCpus==1*", "numberOfCpus"),
        ("vm", "isDeployed==yes", "isDeployed"),
        ("vm", "dateCreated==yesterday", "dateCreated"),
        ("vm", "metadata:n==NUMBER:x", "metadata:n"),
        ("media", "isIso==2", "isIso"),
    ] {
        let error = ask(record, filter).ask(store).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRequest, "{filter}");
        assert!(error.message().contains(named), "{}", error.message());
    }
    let error = ask("vm", "").sort(&[("nope", false)]).ask(store).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadRequest);
    let long = format!("name==*{}", "a".repeat(60_000));
    assert_eq!(ask("vm", &long).ask(store).await.unwrap_err().kind(), ErrorKind::BadRequest);
    for quote in ["'", "';--", "\" OR 1=1", "$1", "') OR ('1'=='1"] {
        let escaped: String = quote.chars().flat_map(|c| ['\\', c]).collect();
        assert_eq!(ask("vm", &format!("name=={escaped}")).rows(store).await.total, 0);
        let key: String = quote.chars().filter(|c| !"=!;,()".contains(*c)).collect();
        assert_eq!(ask("vm", &format!("metadata:{key}==STRING:x")).rows(store).await.total, 0);
    }
}
