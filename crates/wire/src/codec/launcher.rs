//! The bytes of what the service and `ebbd` say to each other. Tags are in `PROTOCOL.md`.
//!
//! Numbers only: nothing here is a path, a name or a command, and so nothing can be smuggled in one.

use super::{DecodeError, EncodeError, GROUPS_MAX, Message, Part, Reader, Writer};
use crate::launcher::{AgentId, DenyReason, FromLauncher, Identity, Role, ToLauncher};

impl Message for ToLauncher {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Start { agent, role, identity } => {
                Writer::new(1).put(agent).put(role).put(identity)
            }
            Self::Stop { agent } => Writer::new(2).put(agent),
            Self::Close => Writer::new(3),
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Start { agent: from.get()?, role: from.get()?, identity: from.get()? },
            2 => Self::Stop { agent: from.get()? },
            3 => Self::Close,
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }
}

impl Message for FromLauncher {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        match self {
            Self::Started { agent, pid } => Writer::new(1).put(agent).put(pid),
            Self::Denied { agent, reason } => Writer::new(2).put(agent).put(reason),
            Self::Ended { agent, status } => Writer::new(3).put(agent).put(status),
            Self::Finish => Writer::new(4),
            Self::Reload => Writer::new(5),
        }
        .finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Reader::new(bytes)?;
        let message = match from.get::<u8>()? {
            1 => Self::Started { agent: from.get()?, pid: from.get()? },
            2 => Self::Denied { agent: from.get()?, reason: from.get()? },
            3 => Self::Ended { agent: from.get()?, status: from.get()? },
            4 => Self::Finish,
            5 => Self::Reload,
            _ => return Err(DecodeError::UnknownNumber),
        };
        from.finish(message)
    }

    fn carries_descriptor(&self) -> bool {
        matches!(self, Self::Started { .. })
    }
}

impl Part for AgentId {
    fn put(&self, to: &mut Writer) {
        self.0.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        from.get().map(Self)
    }
}

impl Part for Role {
    fn put(&self, to: &mut Writer) {
        let number: u8 = match self {
            Self::Files => 1,
            Self::Network => 2,
            Self::Notify => 3,
            Self::Sign => 4,
            Self::Token => 50,
        };
        number.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Files),
            2 => Ok(Self::Network),
            3 => Ok(Self::Notify),
            4 => Ok(Self::Sign),
            50 => Ok(Self::Token),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

impl Part for Identity {
    fn put(&self, to: &mut Writer) {
        self.uid.put(to);
        self.gid.put(to);
        to.put_length(self.groups.len(), GROUPS_MAX);
        for group in &self.groups {
            group.put(to);
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (uid, gid) = (from.get()?, from.get()?);
        let count = from.length(GROUPS_MAX)?;
        // Grows with what is really there: the count alone allocates nothing.
        let groups = (0..count).map(|_| from.get()).collect::<Result<_, _>>()?;
        Ok(Self { uid, gid, groups })
    }
}

impl Part for DenyReason {
    fn put(&self, to: &mut Writer) {
        let number: u8 = match self {
            Self::NotAdmitted => 1,
            Self::NotOurIdentity => 2,
            Self::TooMany => 3,
            Self::System => 4,
        };
        number.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::NotAdmitted),
            2 => Ok(Self::NotOurIdentity),
            3 => Ok(Self::TooMany),
            4 => Ok(Self::System),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}
