//! Small files of an app, replaced as a whole: whenever the power fails, what stands there is the old content or the new.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::PathBuf,
    process,
};

/// A folder that belongs to the app alone.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    /// Called before each step of a write. For tests that end the process there.
    before_step: fn(),
}

/// Bytes of one `write`: few, so that a test can end the process in the middle of every file.
const PIECE: usize = 1024;

impl Store {
    /// A folder; it is made when something is written.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), before_step: || () }
    }

    /// The same, but calls `before_step` before each step of a write.
    #[must_use]
    pub fn with_steps(mut self, before_step: fn()) -> Self {
        self.before_step = before_step;
        self
    }

    /// The content of a file; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read, or has more than `limit` bytes.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut content = Vec::new();
        file.take(limit + 1).read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file is larger than any of its kind",
            ));
        }
        Ok(Some(content))
    }

    /// Replaces a file. It is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written. The old content then stands there still.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let step = || (self.before_step)();
        step();
        fs::create_dir_all(&self.folder)?;
        // Of this process, so that two processes of one app do not write into the same file.
        let unfinished = self.folder.join(format!("{name}.{}.new", process::id()));
        step();
        let written = self.write_new(&unfinished, content).and_then(|()| {
            step();
            fs::rename(&unfinished, self.folder.join(name))
        });
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written?;
        step();
        self.sync_folder()
    }

    fn write_new(&self, path: &PathBuf, content: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        for piece in content.chunks(PIECE) {
            (self.before_step)();
            file.write_all(piece)?;
        }
        (self.before_step)();
        // Without it a file system may have the new name on the disk before the content.
        file.sync_all()
    }

    #[cfg(unix)]
    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    /// Elsewhere a folder is no file.
    #[cfg(not(unix))]
    fn sync_folder(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Store;
    use std::fs;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("a/b"));
        assert_eq!(store.read("x", 10).unwrap(), None);
        for content in [b"first".as_slice(), b"second", b""] {
            store.write("x", content).unwrap();
            assert_eq!(store.read("x", 10).unwrap().unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1);
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.write("x", &[0; 11]).unwrap();
        assert!(store.read("x", 10).is_err());
        assert_eq!(store.read("x", 11).unwrap().unwrap().len(), 11);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_and_leaves_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(Store::new(folder.path().join("file")).write("x", b"new").is_err());
        let store = Store::new(folder.path());
        fs::create_dir(folder.path().join("x")).unwrap();
        fs::write(folder.path().join("x/inside"), "").unwrap();
        assert!(store.write("x", b"new").is_err(), "a directory stands in the way");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the unfinished file is gone");
    }
}
