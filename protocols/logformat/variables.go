package logformat

// variable is what a piece of a format stands for.
type variable uint8

const (
	literal variable = iota
	ofNothing

	// Texts (Record.textOf).
	ofClientName
	ofArgs
	ofBase
	ofClass
	ofDir
	ofDirBase
	ofEnv
	ofFile
	ofGroup
	ofGroups
	ofGID
	ofHost
	ofModified
	ofProtocol
	ofReason
	ofRenameFrom
	ofReply
	ofServer
	ofStatus
	ofFailure
	ofType
	ofUID
	ofURL
	ofUser
	ofUserSent
	ofVerb
	ofVersion

	// Numbers (Record.numberOf).
	ofBytes
	ofCode
	ofEpoch
	ofFileSize
	ofBackendPort
	ofPID
	ofPort
	ofRawIn
	ofRawOut
	ofRemotePort
	ofMillis
	ofTransferMillis
	ofTransferPort

	// What has a form of its own (piece.append).
	ofBackend
	ofClient
	ofISO
	ofLocal
	ofMicros
	ofRequest
	ofSeconds
	ofSpeed
	ofSubMillis
	ofTime
)

// letters are the variables of one letter. There is no identity protocol (%l), and what an anonymous user
// gives for a password (%A) is treated like any other password.
var letters = map[byte]variable{
	'a': ofClient, 'A': ofNothing, 'b': ofBytes, 'c': ofClass, 'd': ofDirBase, 'D': ofDir, 'E': ofReason,
	'f': ofFile, 'F': ofFile, 'g': ofGroup, 'G': ofGroups, 'h': ofClientName, 'H': ofLocal, 'I': ofRawIn,
	'J': ofArgs, 'l': ofNothing, 'L': ofLocal, 'm': ofVerb, 'O': ofRawOut, 'p': ofPort, 'P': ofPID,
	'r': ofRequest, 'R': ofMillis, 's': ofCode, 'S': ofReply, 't': ofTime, 'T': ofSeconds, 'u': ofUser,
	'U': ofUserSent, 'v': ofServer, 'V': ofHost, 'w': ofRenameFrom,
}

// names are the variables in braces, in lower case.
var names = map[string]variable{
	"basename": ofBase, "epoch": ofEpoch, "iso8601": ofISO, "millisecs": ofSubMillis, "microsecs": ofMicros,
	"gid": ofGID, "uid": ofUID, "protocol": ofProtocol, "remote-port": ofRemotePort, "version": ofVersion,
	"file-modified": ofModified, "file-size": ofFileSize,
	"transfer-status": ofStatus, "transfer-failure": ofFailure, "transfer-type": ofType,
	"transfer-speed": ofSpeed, "transfer-millisecs": ofTransferMillis, "transfer-port": ofTransferPort,

	"note:mod_proxy.backend-ip": ofBackend, "note:mod_proxy.backend-port": ofBackendPort,
	"note:mod_proxy.backend-url": ofURL,
}
