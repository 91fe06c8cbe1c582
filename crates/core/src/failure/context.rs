//! Where an error belongs: names, BITS' numbers, and a sentence.

/// Where an error belongs (BITS: `BG_ERROR_CONTEXT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Could not be attributed.
    Unknown,
    /// The service itself.
    GeneralQueueManager,
    /// Local file or file system.
    LocalFile,
    /// The file at the server.
    RemoteFile,
    /// Connection, proxy, transport.
    GeneralTransport,
    /// The program of the owner's that has a say in which servers are trusted.
    ServerCertificateCallback,
}

impl Context {
    /// Every context there is.
    pub const ALL: [Self; 6] = [
        Self::Unknown,
        Self::GeneralQueueManager,
        Self::LocalFile,
        Self::RemoteFile,
        Self::GeneralTransport,
        Self::ServerCertificateCallback,
    ];

    /// Its name on every interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::GeneralQueueManager => "general-queue-manager",
            Self::LocalFile => "local-file",
            Self::RemoteFile => "remote-file",
            Self::GeneralTransport => "general-transport",
            Self::ServerCertificateCallback => "server-certificate-callback",
        }
    }

    /// BITS' number for its description.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::Unknown => 0x8020_0007,
            Self::GeneralQueueManager => 0x8020_0008,
            Self::LocalFile => 0x8020_0009,
            Self::RemoteFile => 0x8020_000a,
            Self::GeneralTransport => 0x8020_000b,
            Self::ServerCertificateCallback => 0x8020_0076,
        }
    }

    /// What it says of an error.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unknown => "nobody can say where the error belongs",
            Self::GeneralQueueManager => "the error is the service's, or its surroundings'",
            Self::LocalFile => "the error is about the local file or its file system",
            Self::RemoteFile => "the error is about the file at the server",
            Self::GeneralTransport => "the error is about the way to the server",
            Self::ServerCertificateCallback => {
                "the error is about the program that judges servers' certificates for the job"
            }
        }
    }
}
