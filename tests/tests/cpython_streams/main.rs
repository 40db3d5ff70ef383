//! CPython's tests of streams, told anew, over sockets where those have mocks: a file for each thing that
//! is done with them.

mod failing;
mod lines;
#[path = "../common/loopback.rs"]
mod loopback;
mod reading;
mod separators;
mod serving;
mod writing;

use asyncio::{StreamReader, StreamWriter, sleep};
use loopback::pair;

const LINES: &[u8] = b"line1\nline2\nline3\n";

/// A reader, its writer, and the end that feeds it.
struct Fed {
    reader: StreamReader,
    writer: StreamWriter,
    feed: StreamWriter,
    /// What the writer writes to.
    fed: StreamReader,
}

impl Fed {
    async fn new(limit: usize) -> Self {
        let ((reader, writer), (fed, feed)) = pair(limit).await;
        Self {
            reader,
            writer,
            feed,
            fed,
        }
    }

    /// Has come in when this is done, unless there is something already.
    async fn feed_data(&self, data: &[u8]) {
        self.feed.write(data);
        while !data.is_empty() && self.reader.received() == 0 {
            // It looks for more where there is none.
            assert!(!self.reader.at_eof());
            sleep(0).await;
        }
    }

    async fn with(data: &[u8], limit: usize) -> Self {
        let fed = Self::new(limit).await;
        fed.feed_data(data).await;
        fed
    }

    async fn ended(data: &[u8], limit: usize) -> Self {
        let fed = Self::with(data, limit).await;
        fed.feed.write_eof();
        fed
    }
}

/// How many bytes were received and not read, which a reader's repr says.
trait ReceivedBytes {
    fn received(&self) -> usize;
}

impl ReceivedBytes for StreamReader {
    fn received(&self) -> usize {
        let repr = format!("{self:?}");
        let count = repr.split(' ').nth(1).and_then(|count| count.parse().ok());
        count.unwrap_or(0)
    }
}
