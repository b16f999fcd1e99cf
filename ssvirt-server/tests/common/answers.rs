//! Writing answers down, so that they can be checked against the schemas.

use std::{fs::File, io::Write as _, path::PathBuf, sync::Mutex};

use super::Answer;

static FILE: Mutex<Option<File>> = Mutex::new(None);

/// Adds an answer to this process's file in the folder that `SSVIRT_CONFORMANCE_ANSWERS` names.
pub fn record(answer: &Answer) {
    let Some(folder) = std::env::var_os("SSVIRT_CONFORMANCE_ANSWERS") else { return };
    let headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
        .collect();
    let line = serde_json::json!({
        "method": answer.method,
        "path": answer.path,
        "status": answer.code(),
        "response_headers": headers,
        "response_body": answer.body,
    });
    let mut file = FILE.lock().unwrap();
    let file = file.get_or_insert_with(|| {
        let folder = PathBuf::from(folder);
        std::fs::create_dir_all(&folder).expect("the folder for answers");
        let name = std::env::current_exe().expect("this program");
        let name = name.file_stem().expect("a name").to_string_lossy().into_owned();
        let path = folder.join(format!("server-{name}.jsonl"));
        File::options().create(true).append(true).open(path).expect("the file for answers")
    });
    writeln!(file, "{line}").expect("the file for answers");
}
