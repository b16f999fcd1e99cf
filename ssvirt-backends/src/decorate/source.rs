//! A decorated catalog source.

use async_trait::async_trait;
use ssvirt_core::{
    CatalogSource, Result,
    catalog::{Sizing, SourceItem},
};

use super::{Call, Decorated, Target, around};

#[async_trait]
impl CatalogSource for Decorated<dyn CatalogSource> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn items(&self) -> Result<Vec<SourceItem>> {
        around(&*self.hook, Call::new(Target::Source, "items", ""), self.inner.items()).await
    }

    async fn item(&self, external_id: &str) -> Result<Option<SourceItem>> {
        let call = Call::new(Target::Source, "item", external_id);
        around(&*self.hook, call, self.inner.item(external_id)).await
    }

    async fn sizings(&self) -> Result<Vec<Sizing>> {
        around(&*self.hook, Call::new(Target::Source, "sizings", ""), self.inner.sizings()).await
    }
}
