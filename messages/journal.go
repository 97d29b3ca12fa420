package messages

import (
	"net/netip"
	"time"
)

// ToJournal is what the journal understands. It owns the transfer logs and those of commands.
//
//sumtype:decl
type ToJournal interface{ toJournal() }

// TransferType is the representation type of a transfer in a transfer log.
type TransferType byte

// TransferDirection says which way a transfer went, as seen by the client.
type TransferDirection byte

// AccessMode says what kind of user made a transfer.
type AccessMode byte

// The letters of the transfer log's columns.
const (
	ASCII  TransferType = 'a'
	Binary TransferType = 'b'

	Outgoing TransferDirection = 'o' // RETR
	Incoming TransferDirection = 'i' // STOR, APPE, STOU
	Deleted  TransferDirection = 'd' // DELE

	RealUser  AccessMode = 'r'
	Anonymous AccessMode = 'a'
	Guest     AccessMode = 'g'
)

// Service is the protocol that the client spoke in a transfer.
type Service string

// The services of the transfer log.
const (
	FTP  Service = "ftp"
	FTPS Service = "ftps"
	SFTP Service = "sftp"
	SCP  Service = "scp"
)

// RecordTransfer has the end of a transfer written to a transfer log. It may
// be sent for any number of logs; one that is not open yet is opened.
type RecordTransfer struct {
	Log        string        // path of the server's TransferLog
	Started    time.Time     // of the transfer
	Took       time.Duration // from then to its end
	ClientName string        // the client's DNS name; empty: the address stands for it
	Client     netip.Addr
	Bytes      int64
	Path       string // as the client sent it
	Type       TransferType
	Direction  TransferDirection
	Mode       AccessMode
	User       string
	Service    Service
	Complete   bool
}

// OpenTransferLog opens a log ahead of its first line, so that a configuration
// learns at once that it cannot be written.
type OpenTransferLog struct {
	Log   string
	Reply chan<- TransferLogOpened // capacity 1: the answer never blocks
}

// TransferLogOpened answers OpenTransferLog.
type TransferLogOpened struct {
	Log string
	Err error
}

// ReopenLogs has all logs opened anew, for after a rotation. What was
// recorded before is written to the old files first.
type ReopenLogs struct {
	Reply chan<- LogsReopened // capacity 1, or nil when nobody asks
}

// LogsReopened answers ReopenLogs. A log that could not be opened anew goes on
// in its old file; Err names all of them.
type LogsReopened struct {
	Err error
}

// FlushLogs has everything that was recorded handed to the kernel.
type FlushLogs struct {
	Reply chan<- LogsFlushed // capacity 1
}

// LogsFlushed answers FlushLogs; Err names the logs that could not be written.
type LogsFlushed struct {
	Err error
}

func (RecordTransfer) toJournal()  {}
func (OpenTransferLog) toJournal() {}
func (ReopenLogs) toJournal()      {}
func (FlushLogs) toJournal()       {}
