//! Filters made up at random, held against what [`ssvirt_core::filter::eval`] says they mean.

use std::net::Ipv4Addr;

use ssvirt_core::{
    TenancyStore,
    filter::{Comparison, Filter, Op, Pattern, eval},
    model::{PowerState, TaskStatus, VApp},
    query::{FieldKind, RecordType, Row, Value},
    status::Status,
};

use super::{
    query::ask,
    scene::{self, World, at, begin, id},
};

/// Filters tried for each record type.
const TRIES: usize = 60;

/// A generator of numbers that look random but are the same every time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}

/// The store finds exactly the rows that a filter means.
pub async fn filters_mean_what_they_say(store: &dyn TenancyStore) {
    populate(store).await;
    let mut dice = Dice(0x5eed_5eed_5eed);
    for record in RecordType::ALL {
        let mut ask = ask(record.name(), "");
        let all = ask.all(store).await;
        let mut found = 0;
        for _ in 0..TRIES {
            let filter = make(&mut dice, *record, &all, 2);
            let mut expected: Vec<_> = all
                .iter()
                .filter(|row| eval::matches(&filter, &|name| seen(*record, row, name)))
                .map(|row| row.id)
                .collect();
            found += expected.len();
            ask.0.filter = Some(filter.clone());
            let mut actual: Vec<_> = ask.all(store).await.into_iter().map(|row| row.id).collect();
            expected.sort_unstable();
            actual.sort_unstable();
            assert!(
                actual == expected,
                "{}: {} rows instead of {} for {filter:?}",
                record.name(),
                actual.len(),
                expected.len()
            );
        }
        assert!(all.is_empty() || found > 0, "{}: no filter found anything", record.name());
    }
}

/// The value as filters see it: statuses by their names.
fn seen(record: RecordType, row: &Row, name: &str) -> Value {
    let (place, field) = record.field(name).unwrap();
    match (&row.values[place], field.kind) {
        (Value::Int(code), FieldKind::Status) => {
            Value::Text(Status::from_code(i32::try_from(*code).unwrap()).unwrap().name().to_owned())
        }
        (value, _) => value.clone(),
    }
}

fn make(dice: &mut Dice, record: RecordType, rows: &[Row], depth: usize) -> Filter {
    let shape = if depth == 0 { 0 } else { dice.roll(4) };
    let parts = |dice: &mut Dice| {
        (0..2 + dice.roll(2)).map(|_| make(dice, record, rows, depth - 1)).collect()
    };
    match shape {
        1 => Filter::And(parts(dice)),
        2 | 3 => Filter::Or(parts(dice)),
        _ => Filter::Compare(comparison(dice, record, rows)),
    }
}

fn comparison(dice: &mut Dice, record: RecordType, rows: &[Row]) -> Comparison {
    let fields = record.fields();
    let field = loop {
        let field = &fields[dice.roll(fields.len())];
        // `object` is compared by what it refers to.
        if field.name != "object" {
            break field;
        }
    };
    let ops = match field.kind {
        FieldKind::Status => 2,
        _ => 6,
    };
    let op = [Op::Eq, Op::Ne, Op::Gt, Op::Ge, Op::Lt, Op::Le][dice.roll(ops)];
    let sample = (!rows.is_empty()).then(|| seen(record, &rows[dice.roll(rows.len())], field.name));
    let value = match (field.kind, sample) {
        (FieldKind::Text | FieldKind::Status, sample) => {
            let text = match sample {
                Some(Value::Text(text)) => text,
                _ => ["", "x", "POWERED_ON", "a_b", "Web"][dice.roll(5)].to_owned(),
            };
            pattern(dice, &text)
        }
        (FieldKind::Int | FieldKind::Time, sample) => {
            let number = match sample {
                Some(Value::Int(number) | Value::Time(number)) => number,
                _ => 4,
            };
            Pattern::literal((number + dice.roll(3) as i64 - 1).to_string())
        }
        (FieldKind::Bool, _) => Pattern::literal(["true", "false"][dice.roll(2)]),
        (FieldKind::Ref(_) | FieldKind::Urn(_), Some(Value::Ref(uuid))) => {
            Pattern::literal(uuid.to_string())
        }
        (FieldKind::Ref(_) | FieldKind::Urn(_), _) => Pattern::literal(id::<VApp>().to_string()),
    };
    Comparison { field: field.name.to_owned(), op, value }
}

/// The text itself, or with wildcards in place of parts of it.
fn pattern(dice: &mut Dice, text: &str) -> Pattern {
    let letters: Vec<_> = text.chars().collect();
    let cut = |dice: &mut Dice| dice.roll(letters.len() + 1);
    let (mut from, mut to) = (cut(dice), cut(dice));
    if from > to {
        std::mem::swap(&mut from, &mut to);
    }
    let part = |range: &[char]| range.iter().collect::<String>();
    match dice.roll(5) {
        0 => Pattern::from_pieces(vec![part(&letters[..from]), String::new()]),
        1 => Pattern::from_pieces(vec![String::new(), part(&letters[to..])]),
        2 => Pattern::from_pieces(vec![String::new(), part(&letters[from..to]), String::new()]),
        3 => Pattern::from_pieces(vec![part(&letters[..from]), part(&letters[to..])]),
        _ => Pattern::literal(text),
    }
}

/// Rows of every kind with values that SQL might stumble over.
async fn populate(store: &dyn TenancyStore) {
    let w = World::new(store).await;
    let mut tx = begin(store).await;
    let names = [
        "a_b",
        "a%b",
        "aXb",
        "A_B",
        "a\\b",
        "a*b",
        "it's",
        "Ünïcödé 🦀",
        "",
        " ",
        "%",
        "_",
        "Web",
        "web",
    ];
    for (index, name) in names.into_iter().enumerate() {
        let number = index as i64;
        let mut vapp =
            scene::vapp(&w.vdc, [w.ann.id, w.alf.id, id()][index % 3], &format!("{name}-{index}"));
        vapp.description = ["", "a\nb", "x"][index % 3].to_owned();
        vapp.created = at(number * 7);
        vapp.networks = vec![scene::vapp_network(name, (index % 2 == 0).then_some(w.network.id))];
        tx.insert(&vapp).await.unwrap();
        let mut vm = scene::vm(&vapp, name);
        vm.spec.cpus = 1 + (index % 4) as i32;
        vm.deployed = index % 2 == 0;
        vm.state.power = [
            PowerState::On,
            PowerState::Off,
            PowerState::Suspended,
            PowerState::Lost,
            PowerState::Unknown,
        ][index % 5];
        if index % 3 == 0 {
            let ip = Ipv4Addr::new(10, 0, 0, index as u8);
            vm.spec.nics = vec![scene::nic(0, name, Some(w.network.id), Some(ip))];
        }
        vm.spec.disks = vec![scene::disk(number * 1024)];
        vm.created = at(number);
        tx.insert(&vm).await.unwrap();
        let mut task = scene::task(w.a.id, &w.ann, vm.id.any(), at(number));
        task.status = [TaskStatus::Queued, TaskStatus::Running, TaskStatus::Success][index % 3];
        task.ended = (index % 3 == 2).then(|| at(number + 5));
        task.owner_name = name.to_owned();
        tx.insert(&task).await.unwrap();
        if index < 8 {
            let catalog = scene::catalog(w.a.id, w.ann.id, name);
            let template = scene::template(&catalog, name);
            tx.insert(&catalog).await.unwrap();
            tx.insert(&template).await.unwrap();
            tx.insert(&scene::item(&catalog, &template)).await.unwrap();
            tx.insert(&scene::network(&w.other_vdc, name)).await.unwrap();
            tx.insert(&scene::profile(&w.other_vdc, name)).await.unwrap();
            tx.insert(&scene::role((index % 2 == 0).then_some(w.a.id), name)).await.unwrap();
            tx.insert(&scene::vdc(w.b.id, w.provider.id, name)).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
}
