//! What disks start from, as plans and settings name it.

/// The `DataSource` that an image is: its namespace and name.
#[must_use]
pub fn data_source(image: &str) -> Option<(&str, &str)> {
    image.strip_prefix("datasource:")?.split_once('/')
}

/// The claim that an image is: its namespace and name.
#[must_use]
pub fn claim(image: &str) -> Option<(&str, &str)> {
    image.strip_prefix("pvc:")?.split_once('/')
}
