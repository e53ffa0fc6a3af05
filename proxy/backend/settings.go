package backend

import (
	"slices"
	"strings"
)

// sessionSettings are the variables that change answers and that a session can set. One of a flavour's own is absent
// from the other's servers.
var sessionSettings = []string{
	"autocommit", "block_encryption_mode", "character_set_collations", "check_constraint_checks", "collation_server",
	"cte_max_recursion_depth", "default_collation_for_utf8mb4", "default_regex_flags", "default_storage_engine",
	"default_week_format", "div_precision_increment", "explicit_defaults_for_timestamp", "foreign_key_checks",
	"group_concat_max_len", "innodb_strict_mode", "lc_messages", "lc_time_names", "max_error_count",
	"max_recursive_iterations", "max_sort_length", "note_verbosity", "old_mode", "sql_auto_is_null", "sql_if_exists",
	"sql_mode", "sql_notes", "sql_quote_show_create", "sql_safe_updates", "sql_select_limit", "time_zone",
	isolation, readOnly, "unique_checks", "updatable_views_with_limit", "windowing_use_high_precision",
}

// Two variables have older names, which some servers know alone.
const (
	isolation    = "transaction_isolation"
	readOnly     = "transaction_read_only"
	oldIsolation = "tx_isolation"
	oldReadOnly  = "tx_read_only"
)

// newName is the name under which a variable is remembered.
func newName(name string) string {
	switch name {
	case oldIsolation:
		return isolation
	case oldReadOnly:
		return readOnly
	}
	return name
}

// nameFor is the name that servers of a flavour know.
func (f Flavour) nameFor(name string) string {
	old := f.MariaDB && f.Version < 110101 || !f.MariaDB && f.Version < 50720
	switch newName(name) {
	case isolation:
		if old {
			return oldIsolation
		}
		return isolation
	case readOnly:
		if old {
			return oldReadOnly
		}
		return readOnly
	}
	return name
}

// serverSettings are the variables that change answers, or what becomes of data, and that only the operator can set.
var serverSettings = []string{
	"lower_case_table_names", "max_allowed_packet", "collation_database", "init_connect", "innodb_rollback_on_timeout",
	"innodb_flush_log_at_trx_commit", "sync_binlog", "read_only", "auto_increment_increment", "ft_min_word_len",
	"innodb_ft_min_token_size",
}

// trackingSettings are the variables that say what a server tells of its session. Connections keep what they begin with.
var trackingSettings = []string{
	"session_track_gtids", "session_track_schema", "session_track_state_change", "session_track_system_variables",
	"session_track_transaction_info",
}

// Tracks reports whether a variable says what a server tells of its session. A client's own value is no connection's: by
// what connections tell they are known.
func Tracks(name string) bool { return slices.Contains(trackingSettings, name) }

// Base is what all sessions start with, whichever server they work on: the settings of one server, put into force on the
// connections of all. Only what a session can set is in it.
type Base struct {
	From string // the data source whose settings they are

	// autocommit: the server's new sessions begin without it. The proxy's connections always have it.
	autocommit bool
	vars       []baseVar // by name
}

// baseVar is one variable of a Base; its value as SQL text.
type baseVar struct {
	name, literal string
	optional      bool // where the server does not know it, nothing is missing
}

// BaseOf makes the Base of a server's settings. The zone SYSTEM, which names the server's machine, can be given to
// servers on machines of the same zone and, where it is UTC, to all: others keep theirs, and Compare names the difference.
func BaseOf(s *ServerInfo) *Base {
	b := &Base{From: s.DataSource, autocommit: s.Session["autocommit"] == "OFF"}
	for _, name := range sessionSettings {
		value, ok := s.Session[name]
		v := baseVar{name: name, literal: settingLiteral(value)}
		switch {
		case name == "autocommit":
			v.literal = "1"
		case name == "character_set_collations" && !ok:
			v.optional = true // servers that do not have it are as if it was empty
		case !ok:
			continue
		case name == "time_zone" && value == "SYSTEM":
			v.literal = systemZone(s.SystemTimeZone)
		}
		b.vars = append(b.vars, v)
	}
	return b
}

func systemZone(zone string) string {
	otherwise := "@@global.time_zone"
	if isUTC(zone) {
		otherwise = "'+00:00'"
	}
	return "IF(@@system_time_zone=" + settingLiteral(zone) + ",'SYSTEM'," + otherwise + ")"
}

func isUTC(zone string) bool { return zone == "UTC" || zone == "GMT" || zone == "Etc/UTC" }

// settingLiteral writes what SHOW VARIABLES says so that it can be set.
func settingLiteral(value string) string {
	if value != "" && strings.Trim(value, "0123456789") == "" {
		return value
	}
	return "'" + strings.ReplaceAll(strings.ReplaceAll(value, `\`, `\\`), "'", "''") + "'"
}

// needed are the variables that are to be set on a connection: all of them where there is another data source to be alike
// with.
func (b *Base) needed(alone bool) []baseVar {
	switch {
	case b == nil || alone && !b.autocommit:
		return nil
	case alone:
		at := slices.IndexFunc(b.vars, func(v baseVar) bool { return v.name == "autocommit" })
		return b.vars[at : at+1]
	}
	return b.vars
}
