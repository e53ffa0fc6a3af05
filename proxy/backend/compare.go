package backend

import (
	"fmt"
	"strconv"
	"time"
)

// Difference is a setting that should be alike on all data sources and is not.
type Difference struct {
	Setting string // the variable's name, or "flavour", "version", "clock"
	// Settable: a session can set it, so that the proxy can make it alike. Otherwise only the operator can.
	Settable bool
	Values   []Setting // one for each data source, in the order they were given
}

// Setting is what one data source has.
type Setting struct{ DataSource, Value string }

// maxClockDrift is how far apart clocks may be before it is said.
const maxClockDrift = 2 * time.Second

var compared = []struct {
	name     string
	settable bool
	value    func(*ServerInfo) string
}{
	{"flavour", false, func(s *ServerInfo) string {
		if s.Flavour.MariaDB {
			return "MariaDB"
		}
		return "MySQL"
	}},
	{"version", false, func(s *ServerInfo) string {
		return fmt.Sprintf("%d.%d", s.Flavour.Version/10000, s.Flavour.Version/100%100)
	}},
	{"lower_case_table_names", false, func(s *ServerInfo) string { return strconv.Itoa(s.LowerCaseTableNames) }},
	{"max_allowed_packet", false, func(s *ServerInfo) string { return strconv.FormatInt(s.MaxAllowedPacket, 10) }},
	{"collation_database", false, func(s *ServerInfo) string { return s.CollationDatabase }},
	{"character_set_collations", true, func(s *ServerInfo) string { return s.CharacterSetCollations }},
	{"init_connect", false, func(s *ServerInfo) string { return s.InitConnect }},
	{"innodb_rollback_on_timeout", false, func(s *ServerInfo) string { return s.RollbackOnTimeout }},
	{"innodb_flush_log_at_trx_commit", false, func(s *ServerInfo) string { return s.FlushLogAtCommit }},
	{"sync_binlog", false, func(s *ServerInfo) string { return s.SyncBinlog }},
	{"read_only", false, func(s *ServerInfo) string { return s.ReadOnly }},
	{"sql_mode", true, func(s *ServerInfo) string { return s.SQLMode }},
	{"old_mode", true, func(s *ServerInfo) string { return s.OldMode }},
	{"time_zone", true, zone},
	{"collation_server", true, func(s *ServerInfo) string { return s.CollationServer }},
	{"transaction_isolation", true, func(s *ServerInfo) string { return s.Isolation }},
	{"autocommit", true, func(s *ServerInfo) string { return s.Autocommit }},
	{"default_storage_engine", true, func(s *ServerInfo) string { return s.DefaultStorageEngine }},
	{"explicit_defaults_for_timestamp", true, func(s *ServerInfo) string { return s.ExplicitDefaultsForTimestamp }},
	{"group_concat_max_len", true, func(s *ServerInfo) string { return s.GroupConcatMaxLen }},
	{"div_precision_increment", true, func(s *ServerInfo) string { return s.DivPrecisionIncrement }},
	{"sql_select_limit", true, func(s *ServerInfo) string { return s.SQLSelectLimit }},
	{"max_sort_length", true, func(s *ServerInfo) string { return s.MaxSortLength }},
	{"default_week_format", true, func(s *ServerInfo) string { return s.DefaultWeekFormat }},
	{"lc_time_names", true, func(s *ServerInfo) string { return s.LCTimeNames }},
	{"auto_increment_increment", true, func(s *ServerInfo) string { return strconv.FormatInt(s.AutoIncrementIncrement, 10) }},
}

// zone is the time zone that times are shown in; SYSTEM alone says nothing.
func zone(s *ServerInfo) string {
	if s.TimeZone == "SYSTEM" {
		return "SYSTEM (" + s.SystemTimeZone + ")"
	}
	return s.TimeZone
}

// Compare names what must be alike on all shards of a logical database and is not, in a fixed order: first what a
// session cannot set.
func Compare(servers []ServerInfo) []Difference {
	var differences []Difference
	if len(servers) < 2 {
		return nil
	}
	for _, c := range compared {
		d := Difference{Setting: c.name, Settable: c.settable}
		alike := true
		for i := range servers {
			v := c.value(&servers[i])
			d.Values = append(d.Values, Setting{servers[i].DataSource, v})
			alike = alike && v == d.Values[0].Value
		}
		if !alike {
			differences = append(differences, d)
		}
	}
	if d, apart := compareClocks(servers); apart {
		differences = append(differences, d)
	}
	return differences
}

func compareClocks(servers []ServerInfo) (Difference, bool) {
	d := Difference{Setting: "clock"}
	low, high := servers[0].ClockOffset, servers[0].ClockOffset
	for i := range servers {
		o := servers[i].ClockOffset
		low, high = min(low, o), max(high, o)
		d.Values = append(d.Values, Setting{servers[i].DataSource, o.Round(time.Millisecond).String()})
	}
	return d, high-low > maxClockDrift
}
