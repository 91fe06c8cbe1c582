//! The terms of a job, as columns: values in the order of the table, names for what is one of a few.
//!
//! Bits and names are judged again when they are read: a store says what it was told.

use ebb_core::job::{
    CostFlags, NotifyCommand, NotifyFlags, Priority, ProxySettings, ProxyUsage, SecurityFlags,
    Terms,
};

use crate::StoreError;
use crate::cells::{Cell, Cells, Reader};

pub(super) fn put_terms(cells: &mut Cells, terms: &Terms) {
    let Terms {
        name,
        description,
        priority,
        retry_delay,
        no_progress_timeout,
        maximum_download_time,
        auto_complete,
        notify_flags,
        notify_command,
        notification_interval,
        proxy: ProxySettings { usage, list, bypass },
        cost_flags,
        dynamic_content,
        high_performance,
        maximum_download_size,
        bandwidth_limit,
        on_demand,
        stored_proxy_credentials,
        http_method,
        security_flags,
        file_mode,
        file_group,
    } = terms;
    cells
        .put(name.clone())
        .put(description.clone())
        .put(*priority)
        .put(*retry_delay)
        .put(*no_progress_timeout)
        .put(*maximum_download_time)
        .put(*auto_complete)
        .put(*notify_flags)
        .put_option((!notify_command.is_none()).then(|| Words(notify_command.words().to_vec())))
        .put(*notification_interval)
        .put(*usage)
        .put(list.clone())
        .put(bypass.clone())
        .put_option(*cost_flags)
        .put(*dynamic_content)
        .put(*high_performance)
        .put(*maximum_download_size)
        .put(*bandwidth_limit)
        .put(*on_demand)
        .put(*stored_proxy_credentials)
        .put(http_method.clone())
        .put(*security_flags)
        .put_option(*file_mode)
        .put_option(*file_group);
}

pub(super) fn terms(cells: &mut Reader<'_>) -> Result<Terms, StoreError> {
    Ok(Terms {
        name: cells.take()?,
        description: cells.take()?,
        priority: cells.take()?,
        retry_delay: cells.take()?,
        no_progress_timeout: cells.take()?,
        maximum_download_time: cells.take()?,
        auto_complete: cells.take()?,
        notify_flags: cells.take()?,
        notify_command: command(cells)?,
        notification_interval: cells.take()?,
        proxy: ProxySettings { usage: cells.take()?, list: cells.take()?, bypass: cells.take()? },
        cost_flags: cells.take_option()?,
        dynamic_content: cells.take()?,
        high_performance: cells.take()?,
        maximum_download_size: cells.take()?,
        bandwidth_limit: cells.take()?,
        on_demand: cells.take()?,
        stored_proxy_credentials: cells.take()?,
        http_method: cells.take()?,
        security_flags: cells.take()?,
        file_mode: cells.take_option()?,
        file_group: cells.take_option()?,
    })
}

fn command(cells: &mut Reader<'_>) -> Result<NotifyCommand, StoreError> {
    let words = cells.take_option()?.map_or_else(Vec::new, |Words(words)| words);
    NotifyCommand::new(words).map_err(|_| cells.nonsense("no command of ours"))
}

/// The words of a command, a zero byte after each.
struct Words(Vec<Vec<u8>>);

impl Cell for Words {
    type Stored = Vec<u8>;

    fn store(self) -> Vec<u8> {
        self.0.into_iter().flat_map(|word| word.into_iter().chain([0])).collect()
    }

    fn restore(stored: Vec<u8>) -> Option<Self> {
        let words = stored.strip_suffix(&[0])?.split(|byte| *byte == 0);
        Some(Self(words.map(<[u8]>::to_vec).collect()))
    }
}

impl Cell for Priority {
    type Stored = String;

    fn store(self) -> String {
        self.name().to_owned()
    }

    fn restore(stored: String) -> Option<Self> {
        Self::parse(&stored).ok()
    }
}

impl Cell for ProxyUsage {
    type Stored = String;

    fn store(self) -> String {
        self.name().to_owned()
    }

    fn restore(stored: String) -> Option<Self> {
        Self::parse(&stored).ok()
    }
}

impl Cell for NotifyFlags {
    type Stored = i64;

    fn store(self) -> i64 {
        self.bits().into()
    }

    fn restore(stored: i64) -> Option<Self> {
        Self::from_bits(stored.try_into().ok()?).ok()
    }
}

impl Cell for SecurityFlags {
    type Stored = i64;

    fn store(self) -> i64 {
        self.bits().into()
    }

    fn restore(stored: i64) -> Option<Self> {
        Self::from_bits(stored.try_into().ok()?).ok()
    }
}

impl Cell for CostFlags {
    type Stored = i64;

    fn store(self) -> i64 {
        self.bits().into()
    }

    fn restore(stored: i64) -> Option<Self> {
        Self::from_bits(stored.try_into().ok()?).ok().flatten()
    }
}
