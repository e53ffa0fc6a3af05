package backend

import (
	"fmt"
	"strings"
	"time"
)

// Difference is a setting that should be alike on all data sources and is not.
type Difference struct {
	Setting string // the variable's name, or "flavour", "version", "clock"
	// Settable: a session can set it, so that the proxy can make it alike. Otherwise only the operator can.
	Settable bool
	Values   []Setting // one for each data source, in the order they were given
}

// String is the difference in words.
func (d Difference) String() string {
	parts := make([]string, len(d.Values))
	for i, v := range d.Values {
		parts[i] = fmt.Sprintf("%s has %q", v.DataSource, v.Value)
	}
	return d.Setting + ": " + strings.Join(parts, ", ")
}

// Setting is what one data source has.
type Setting struct{ DataSource, Value string }

// maxClockDrift is how far apart clocks may be before it is said.
const maxClockDrift = 2 * time.Second

// compared is one setting: how it is read.
type compared struct {
	name     string
	settable bool
	value    func(*ServerInfo) string
}

func comparisons() []compared {
	list := []compared{
		{"flavour", false, func(s *ServerInfo) string {
			if s.Flavour.MariaDB {
				return "MariaDB"
			}
			return "MySQL"
		}},
		{"version", false, func(s *ServerInfo) string {
			return fmt.Sprintf("%d.%d", s.Flavour.Version/10000, s.Flavour.Version/100%100)
		}},
	}
	for _, name := range serverSettings {
		list = append(list, compared{name, false, func(s *ServerInfo) string { return s.Server[name] }})
	}
	for _, name := range sessionSettings {
		value := func(s *ServerInfo) string { return s.Session[name] }
		if name == "time_zone" {
			value = zone
		}
		list = append(list, compared{name, true, value})
	}
	return list
}

// zone is the time zone that times are shown in; SYSTEM alone says nothing.
func zone(s *ServerInfo) string {
	if s.Session["time_zone"] == "SYSTEM" {
		return "SYSTEM (" + s.SystemTimeZone + ")"
	}
	return s.Session["time_zone"]
}

// zoneFits reports whether sessions of a server can have the time zone of the first: see BaseOf.
func zoneFits(first, s *ServerInfo) bool {
	return first.Session["time_zone"] != "SYSTEM" || isUTC(first.SystemTimeZone) || s.SystemTimeZone == first.SystemTimeZone
}

// Compare names what must be alike on all shards of a logical database and is not, in a fixed order: first what a
// session cannot set. The first server is the one whose settings all sessions get.
func Compare(servers []ServerInfo) []Difference {
	var differences []Difference
	if len(servers) < 2 {
		return nil
	}
	for _, c := range comparisons() {
		d := Difference{Setting: c.name, Settable: c.settable}
		alike := true
		for i := range servers {
			v := c.value(&servers[i])
			d.Values = append(d.Values, Setting{servers[i].DataSource, v})
			alike = alike && v == d.Values[0].Value
			if c.name == "time_zone" {
				d.Settable = d.Settable && zoneFits(&servers[0], &servers[i])
			}
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
