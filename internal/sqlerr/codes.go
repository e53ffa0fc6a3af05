package sqlerr

// Error numbers, by meaning. Names and SQLSTATEs are the server's (mysqld_error.h).
const (
	// Connections and authentication.
	CodeConCount                 uint16 = 1040
	CodeDBAccessDenied           uint16 = 1044
	CodeAccessDenied             uint16 = 1045
	CodeTableAccessDenied        uint16 = 1142
	CodePrivilegeNeeded          uint16 = 1227
	CodeRoutineAccessDenied      uint16 = 1370
	CodeHandshake                uint16 = 1043
	CodeNoDB                     uint16 = 1046
	CodeUnknownCommand           uint16 = 1047
	CodeBadDB                    uint16 = 1049
	CodeServerShutdown           uint16 = 1053
	CodeNoSuchThread             uint16 = 1094
	CodeKillDenied               uint16 = 1095
	CodeNetPacketTooLarge        uint16 = 1153
	CodeNetPacketsOutOfOrder     uint16 = 1156
	CodeNetUncompress            uint16 = 1157
	CodeNetReadTimeout           uint16 = 1159
	CodeMalformedPacket          uint16 = 1835
	CodeTooManyUserConns         uint16 = 1203
	CodeUserLimitReached         uint16 = 1226
	CodeSecureTransport          uint16 = 3159
	CodeConnectToForeign         uint16 = 1429
	CodeNewAbortingConnection    uint16 = 1184
	CodeConnectionKilled         uint16 = 1927 // MariaDB
	CodeClientInteractionTimeout uint16 = 4031 // MySQL

	// Statements.
	CodeDatabaseExists     uint16 = 1007
	CodeNoDatabaseToDrop   uint16 = 1008
	CodeSyntax             uint16 = 1064
	CodeEmptyQuery         uint16 = 1065
	CodeUnknownError       uint16 = 1105
	CodeNotSupportedYet    uint16 = 1235
	CodeUnknownStmtHandler uint16 = 1243
	CodeWrongArguments     uint16 = 1210
	CodeYes                uint16 = 1003
	CodeWrongVarValue      uint16 = 1231
	CodeBadField           uint16 = 1054
	CodeNoSuchTable        uint16 = 1146
	CodeNonUniqTable       uint16 = 1066
	CodeUnknownTable       uint16 = 1051
	CodeTableNotLocked     uint16 = 1100
	CodeUnknownSystemVar   uint16 = 1193
	CodeStatementTimeout   uint16 = 1969 // MariaDB
	CodeQueryTimeout       uint16 = 3024 // MySQL
	CodeQueryInterrupted   uint16 = 1317
	CodeLocalInfileOff     uint16 = 1148
	CodeOptionPrevents     uint16 = 1290
	CodeWrongValueCount    uint16 = 1136
	CodeNoSuchRoutine      uint16 = 1305
	CodeNoSubqueries       uint16 = 1970 // MariaDB

	// Resources.
	CodeOutOfSortMemory uint16 = 1038
	CodeTooManyFields   uint16 = 1117
	CodeErrorOnWrite    uint16 = 1026
	CodeCutGroupConcat  uint16 = 1260
	CodeOutOfResources  uint16 = 1041

	// Transactions and data.
	CodeOutOfRange            uint16 = 1690
	CodeRecordChanged         uint16 = 1020
	CodeBadNull               uint16 = 1048
	CodeDupEntry              uint16 = 1062
	CodeLockWaitTimeout       uint16 = 1205
	CodeDeadlock              uint16 = 1213
	CodeErrorDuringComm       uint16 = 1180
	CodeReadOnlyTxn           uint16 = 1792
	CodeSavepoint             uint16 = 1305
	CodeTransactionInProgress uint16 = 1568
	CodeTooManyPrepared       uint16 = 1461
	CodeNoCursor              uint16 = 1421
	CodeAutoincRead           uint16 = 1467
)
