//! The operations that every stored type has.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::UnitOfWork;
use crate::{
    error::{Error, Result},
    id::{Entity, Id, Urn},
    model::{Catalog, CatalogItem, Network, Org, ProviderVdc, TemplateVm, User, VApp, Vdc},
};

/// What rows are looked up by. Every condition is served by an index where a type has the field; asking a
/// type for one that it does not have is an internal error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The exact name.
    Name(String),
    /// The name without regard to case.
    NameNoCase(String),
    /// The organization.
    Org(Id<Org>),
    /// No organization: the roles that every organization has.
    NoOrg,
    /// The VDC.
    Vdc(Id<Vdc>),
    /// The provider VDC.
    Provider(Id<ProviderVdc>),
    /// The vApp.
    VApp(Id<VApp>),
    /// The catalog.
    Catalog(Id<Catalog>),
    /// The catalog item.
    Item(Id<CatalogItem>),
    /// The catalog source's name.
    Source(String),
    /// Who owns it.
    Owner(Id<User>),
    /// The user of a session.
    User(Id<User>),
    /// Sessions that end before.
    ExpiresBefore(Timestamp),
    /// Of templates: the one that has this VM.
    TemplateVm(Id<TemplateVm>),
    /// Of vApps: the one that has this vApp network.
    VAppNetwork(Id<Network>),
    /// One of these ids.
    Ids(Vec<Uuid>),
    /// What this object refers to: of organizations, users (as owner), roles, VDCs, provider VDCs, catalogs and vApps
    /// the one it belongs to; of storage profiles and networks those of its VDC, of templates those of its
    /// organization. For reading them together with the object.
    Of(Urn),
    /// Of catalogs: the one whose template has this VM.
    OfTemplateVm(Id<TemplateVm>),
}

/// The rows of one type. Call it through the methods of `dyn UnitOfWork`, which say what is looked for.
#[async_trait]
pub trait Table<T: Entity + Send + Sync + 'static>: Send {
    /// The row with this id.
    async fn get_row(&mut self, id: Id<T>) -> Result<Option<T>>;

    /// All rows that meet every condition, by name and id.
    async fn select_rows(&mut self, by: &[By]) -> Result<Vec<T>>;

    /// How many rows meet every condition.
    async fn count_rows(&mut self, by: &[By]) -> Result<i64>;

    /// Adds a row.
    ///
    /// # Errors
    /// `DuplicateName` when its name is taken where names are unique.
    async fn insert_row(&mut self, row: &T) -> Result<()>;

    /// Replaces a row and raises its version, in `row` too.
    ///
    /// # Errors
    /// `Conflict` when the stored version is not `row`'s, or the row is gone; `DuplicateName`.
    async fn update_row(&mut self, row: &mut T) -> Result<()>;

    /// Removes a row; false when there was none.
    async fn delete_row(&mut self, id: Id<T>) -> Result<bool>;

    /// Removes all rows that meet every condition; how many there were.
    async fn delete_rows(&mut self, by: &[By]) -> Result<u64>;
}

impl dyn UnitOfWork {
    /// The row with this id, if there is one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn get<T: Entity + Send + Sync + 'static>(&mut self, id: Id<T>) -> Result<Option<T>>
    where
        Self: Table<T>,
    {
        Table::<T>::get_row(self, id).await
    }

    /// The row with this id, which must be there: it is referred to by another.
    ///
    /// # Errors
    /// `Internal` when it is not.
    pub async fn require<T: Entity + Send + Sync + 'static>(&mut self, id: Id<T>) -> Result<T>
    where
        Self: Table<T>,
    {
        Table::<T>::get_row(self, id).await?.ok_or_else(|| {
            Error::internal(format!("{} {id} is referred to but does not exist", T::KIND.label()))
        })
    }

    /// All rows that meet every condition, by name and id.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn select<T: Entity + Send + Sync + 'static>(&mut self, by: &[By]) -> Result<Vec<T>>
    where
        Self: Table<T>,
    {
        Table::<T>::select_rows(self, by).await
    }

    /// The first row that meets every condition.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn find<T: Entity + Send + Sync + 'static>(&mut self, by: &[By]) -> Result<Option<T>>
    where
        Self: Table<T>,
    {
        Ok(Table::<T>::select_rows(self, by).await?.into_iter().next())
    }

    /// How many rows meet every condition.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn count<T: Entity + Send + Sync + 'static>(&mut self, by: &[By]) -> Result<i64>
    where
        Self: Table<T>,
    {
        Table::<T>::count_rows(self, by).await
    }

    /// Adds a row; see [`Table::insert_row`].
    ///
    /// # Errors
    /// `DuplicateName`, `Unavailable`.
    pub async fn insert<T: Entity + Send + Sync + Debug + 'static>(&mut self, row: &T) -> Result<()>
    where
        Self: Table<T>,
    {
        Table::<T>::insert_row(self, row).await
    }

    /// Replaces a row; see [`Table::update_row`].
    ///
    /// # Errors
    /// `Conflict`, `DuplicateName`, `Unavailable`.
    pub async fn update<T: Entity + Send + Sync + Debug + 'static>(
        &mut self,
        row: &mut T,
    ) -> Result<()>
    where
        Self: Table<T>,
    {
        Table::<T>::update_row(self, row).await
    }

    /// Removes a row; false when there was none.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete<T: Entity + Send + Sync + 'static>(&mut self, id: Id<T>) -> Result<bool>
    where
        Self: Table<T>,
    {
        Table::<T>::delete_row(self, id).await
    }

    /// Removes all rows that meet every condition.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn delete_all<T: Entity + Send + Sync + 'static>(&mut self, by: &[By]) -> Result<u64>
    where
        Self: Table<T>,
    {
        Table::<T>::delete_rows(self, by).await
    }
}
