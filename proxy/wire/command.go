package wire

import "strconv"

// Command is the first byte of a packet that a client sends to a server that waits for work.
type Command byte

// Commands. Source: MySQL "enum_server_command"; MariaDB "Server commands".
const (
	ComSleep            Command = 0x00
	ComQuit             Command = 0x01
	ComInitDB           Command = 0x02
	ComQuery            Command = 0x03
	ComFieldList        Command = 0x04
	ComCreateDB         Command = 0x05
	ComDropDB           Command = 0x06
	ComRefresh          Command = 0x07
	ComShutdown         Command = 0x08
	ComStatistics       Command = 0x09
	ComProcessInfo      Command = 0x0a
	ComConnect          Command = 0x0b
	ComProcessKill      Command = 0x0c
	ComDebug            Command = 0x0d
	ComPing             Command = 0x0e
	ComTime             Command = 0x0f
	ComDelayedInsert    Command = 0x10
	ComChangeUser       Command = 0x11
	ComBinlogDump       Command = 0x12
	ComTableDump        Command = 0x13
	ComConnectOut       Command = 0x14
	ComRegisterSlave    Command = 0x15
	ComStmtPrepare      Command = 0x16
	ComStmtExecute      Command = 0x17
	ComStmtSendLongData Command = 0x18
	ComStmtClose        Command = 0x19
	ComStmtReset        Command = 0x1a
	ComSetOption        Command = 0x1b
	ComStmtFetch        Command = 0x1c
	ComDaemon           Command = 0x1d
	ComBinlogDumpGTID   Command = 0x1e
	ComResetConnection  Command = 0x1f
	ComClone            Command = 0x20
	ComSubscribeGroup   Command = 0x21
	ComStmtBulkExecute  Command = 0xfa // MariaDB
	ComMulti            Command = 0xfe // MariaDB; withdrawn after 10.2
)

// commandNames are the names that SHOW PROCESSLIST gives.
var commandNames = [...]string{
	"Sleep", "Quit", "Init DB", "Query", "Field List", "Create DB", "Drop DB", "Refresh", "Shutdown", "Statistics",
	"Processlist", "Connect", "Kill", "Debug", "Ping", "Time", "Delayed insert", "Change user", "Binlog Dump",
	"Table Dump", "Connect Out", "Register Slave", "Prepare", "Execute", "Long Data", "Close stmt", "Reset stmt",
	"Set option", "Fetch", "Daemon", "Binlog Dump GTID", "Reset Connection", "clone", "Group Replication Data Stream subscription",
}

// String is the name that SHOW PROCESSLIST gives the command.
func (c Command) String() string {
	switch {
	case int(c) < len(commandNames):
		return commandNames[c]
	case c == ComStmtBulkExecute:
		return "Bulk_execute"
	case c == ComMulti:
		return "Multi"
	}
	return "command " + strconv.Itoa(int(c))
}

// NoReply reports whether the server answers c with nothing at all, success or not.
func (c Command) NoReply() bool {
	return c == ComQuit || c == ComStmtSendLongData || c == ComStmtClose
}
