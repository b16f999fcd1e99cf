//! Several things read by one statement.
//!
//! What an answer to a client is made from lies in several tables. `gather` of `dyn UnitOfWork` reads all of it at once,
//! of one moment:
//!
//! ```
//! # use ssvirt_core::{Id, Result, id::Urn, model::{StorageProfile, Task, VApp, Vm}};
//! # use ssvirt_core::store::{By, Tx, gather::{one, open_tasks, rows}};
//! # async fn example(tx: &mut Tx, id: Id<Vm>) -> Result<()> {
//! let of = || [By::Of(id.any())];
//! let (vm, vapp, profiles, tasks): (Option<Vm>, Vec<VApp>, Vec<StorageProfile>, Vec<(Urn, Task)>) =
//!     tx.gather((one(id), rows(of()), rows(of()), open_tasks([id.any()]))).await?;
//! # Ok(()) }
//! ```

use std::marker::PhantomData;

use async_trait::async_trait;
use uuid::Uuid;

use super::{By, UnitOfWork, VdcUsage};
use crate::{
    error::{Error, Result},
    id::{Entity, Id, Urn},
    model::{
        Catalog, CatalogItem, ComputePolicy, Event, Network, Org, ProviderVdc, Role, Session,
        StorageProfile, Task, Template, User, VApp, Vdc, Vm,
    },
};

/// A store that reads several things by one statement.
#[async_trait]
pub trait GatherStore: Send {
    /// What was found for each part, in the order of the parts. Call it by `gather` of `dyn UnitOfWork`.
    async fn gather_parts(&mut self, parts: &[Part]) -> Result<Vec<Found>>;
}

macro_rules! tables {
    ($($table:ident)*) => {
        /// A type that is stored as rows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum TableOf {
            $(#[doc = concat!("The rows of [`", stringify!($table), "`].")] $table,)*
        }

        /// What was found for a part.
        #[derive(Clone, Debug)]
        pub enum Found {
            $(#[doc = concat!("For [`Part::Rows`] of [`", stringify!($table), "`].")] $table(Vec<$table>),)*
            /// For [`Part::Names`].
            Names(Vec<(Uuid, String)>),
            /// For [`Part::OpenTasks`] and [`Part::OpenTasksIn`].
            OpenTasks(Vec<(Urn, Task)>),
            /// For [`Part::VdcUsage`].
            VdcUsage(VdcUsage),
            /// For [`Part::StorageUsage`].
            StorageUsage(i64),
        }

        $(impl Stored for $table {
            const TABLE: TableOf = TableOf::$table;

            fn found(found: Found) -> Option<Vec<Self>> {
                if let Found::$table(rows) = found { Some(rows) } else { None }
            }
        })*
    };
}

tables! {
    Org User Role Session ProviderVdc Vdc StorageProfile ComputePolicy Network Catalog CatalogItem Template VApp Vm
    Task Event
}

/// A type that is stored as rows; see [`TableOf`].
pub trait Stored: Entity + Sized {
    /// Its table.
    const TABLE: TableOf;
    /// Its rows, if they are what was found.
    fn found(found: Found) -> Option<Vec<Self>>;
}

/// One of the things to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Rows that meet every condition, by name and id.
    Rows(TableOf, Vec<By>),
    /// Ids and names of such rows.
    Names(TableOf, Vec<By>),
    /// The unfinished tasks that have locked one of these objects, each with the object, the oldest first.
    OpenTasks(Vec<Urn>),
    /// Those that have locked a vApp or one of its VMs.
    OpenTasksIn(Id<VApp>),
    /// What is in use of a VDC.
    VdcUsage(Id<Vdc>),
    /// Disks on a storage profile in MiB.
    StorageUsage(Id<StorageProfile>),
}

/// A part whose answer has a type.
pub trait Want {
    /// What it answers.
    type Answer;
    /// As a part.
    fn part(self) -> Part;
    /// The answer, if this is it.
    fn answer(found: Found) -> Option<Self::Answer>;
}

/// A tuple of parts.
pub trait Wants {
    /// What they answer.
    type Answers;
    /// As parts.
    fn parts(self) -> Vec<Part>;
    /// The answers, if these are they.
    fn answers(found: Vec<Found>) -> Option<Self::Answers>;
}

macro_rules! tuples {
    ($($($name:ident)*;)*) => {
        $(impl<$($name: Want),*> Wants for ($($name,)*) {
            type Answers = ($($name::Answer,)*);

            fn parts(self) -> Vec<Part> {
                #[expect(non_snake_case, reason = "each value is called as its type")]
                let ($($name,)*) = self;
                vec![$($name.part()),*]
            }

            fn answers(found: Vec<Found>) -> Option<Self::Answers> {
                let mut found = found.into_iter();
                Some(($($name::answer(found.next()?)?,)*))
            }
        })*
    };
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
}

impl dyn UnitOfWork {
    /// Reads several things by one statement.
    ///
    /// # Errors
    /// `Unavailable`; `Internal` for a condition that a table does not have.
    pub async fn gather<W: Wants>(&mut self, wants: W) -> Result<W::Answers> {
        let parts = wants.parts();
        let found = self.gather_parts(&parts).await?;
        W::answers(found).ok_or_else(|| Error::internal("a store answered what was not asked for"))
    }
}

/// See [`rows`].
pub struct Rows<T>(Vec<By>, PhantomData<T>);

/// Rows that meet every condition, by name and id.
pub fn rows<T: Stored>(by: impl Into<Vec<By>>) -> Rows<T> {
    Rows(by.into(), PhantomData)
}

impl<T: Stored> Want for Rows<T> {
    type Answer = Vec<T>;

    fn part(self) -> Part {
        Part::Rows(T::TABLE, self.0)
    }

    fn answer(found: Found) -> Option<Vec<T>> {
        T::found(found)
    }
}

/// See [`one`] and [`first`].
pub struct First<T>(Rows<T>);

/// The row with this id.
pub fn one<T: Stored>(id: Id<T>) -> First<T> {
    first([By::Ids(vec![id.uuid()])])
}

/// The first row that meets every condition.
pub fn first<T: Stored>(by: impl Into<Vec<By>>) -> First<T> {
    First(rows(by))
}

impl<T: Stored> Want for First<T> {
    type Answer = Option<T>;

    fn part(self) -> Part {
        self.0.part()
    }

    fn answer(found: Found) -> Option<Option<T>> {
        T::found(found).map(|rows| rows.into_iter().next())
    }
}

/// The id and the name of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<T> {
    /// The id.
    pub id: Id<T>,
    /// The name.
    pub name: String,
}

/// See [`names`].
pub struct Names<T>(Vec<By>, PhantomData<T>);

/// Ids and names of the rows that meet every condition, by name and id; the rest of them is not read.
pub fn names<T: Stored>(by: impl Into<Vec<By>>) -> Names<T> {
    Names(by.into(), PhantomData)
}

impl<T: Stored> Want for Names<T> {
    type Answer = Vec<Named<T>>;

    fn part(self) -> Part {
        Part::Names(T::TABLE, self.0)
    }

    fn answer(found: Found) -> Option<Vec<Named<T>>> {
        let Found::Names(rows) = found else { return None };
        Some(rows.into_iter().map(|(id, name)| Named { id: Id::new(id), name }).collect())
    }
}

/// See [`open_tasks`] and [`open_tasks_in`].
pub struct OpenTasks(Part);

/// The unfinished tasks that have locked one of these objects, each with the object, the oldest first.
pub fn open_tasks(on: impl Into<Vec<Urn>>) -> OpenTasks {
    OpenTasks(Part::OpenTasks(on.into()))
}

/// Those that have locked a vApp or one of its VMs.
pub fn open_tasks_in(vapp: Id<VApp>) -> OpenTasks {
    OpenTasks(Part::OpenTasksIn(vapp))
}

impl Want for OpenTasks {
    type Answer = Vec<(Urn, Task)>;

    fn part(self) -> Part {
        self.0
    }

    fn answer(found: Found) -> Option<Self::Answer> {
        if let Found::OpenTasks(tasks) = found { Some(tasks) } else { None }
    }
}

/// What is in use of this VDC.
pub struct UsageOf(pub Id<Vdc>);

impl Want for UsageOf {
    type Answer = VdcUsage;

    fn part(self) -> Part {
        Part::VdcUsage(self.0)
    }

    fn answer(found: Found) -> Option<VdcUsage> {
        if let Found::VdcUsage(usage) = found { Some(usage) } else { None }
    }
}

/// Disks on this storage profile in MiB.
pub struct UsedOf(pub Id<StorageProfile>);

impl Want for UsedOf {
    type Answer = i64;

    fn part(self) -> Part {
        Part::StorageUsage(self.0)
    }

    fn answer(found: Found) -> Option<i64> {
        if let Found::StorageUsage(used) = found { Some(used) } else { None }
    }
}
