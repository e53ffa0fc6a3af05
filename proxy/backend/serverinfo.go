package backend

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// ServerInfo is what a server is set to, as far as answers depend on it. Values of settings are texts as SHOW
// VARIABLES gives them in a new session; "" where the server does not have the setting.
type ServerInfo struct {
	DataSource string
	Version    string // as VERSION() answers
	Flavour    Flavour

	Session map[string]string // what sessions can set, see sessionSettings; by the newer name where there are two
	Server  map[string]string // what only the operator can set, see serverSettings
	// Tracking are trackingSettings.
	Tracking map[string]string

	SystemTimeZone string // what time_zone SYSTEM stands for

	LogsBinary             bool // log_bin
	LowerCaseTableNames    int
	MaxAllowedPacket       int64 // bytes
	MaxConnections         int64
	AutoIncrementIncrement int64
	AutoIncrementOffset    int64
	ServerID               uint64
	ServerUUID             string // MySQL

	ClockOffset time.Duration // the server's clock minus ours, to about the time of a round trip
}

// numbers are the settings that are numbers.
func (s *ServerInfo) numbers() map[string]*int64 {
	return map[string]*int64{
		"max_allowed_packet": &s.MaxAllowedPacket, "max_connections": &s.MaxConnections,
		"auto_increment_increment": &s.AutoIncrementIncrement, "auto_increment_offset": &s.AutoIncrementOffset,
	}
}

// Probe reads the settings of a data source over a connection of its own, outside the pool: what lent connections
// have been set to does not show.
func (p *Pools) Probe(ctx context.Context, dataSource string) (ServerInfo, error) {
	src, err := p.lookup(dataSource)
	if err != nil {
		return ServerInfo{}, err
	}
	began := src.now()
	c, err := p.dialer.connect(ctx, src.ds, 0, src.ds.Schema)
	src.learn(ctx, began, err)
	if err != nil {
		return ServerInfo{}, fmt.Errorf("probe: %w", err)
	}
	defer func() { _ = c.Close() }() // it has been read, or the error says more
	return c.Probe(ctx)
}

// Probe reads the server's settings as they are in the connection's session.
func (c *Conn) Probe(ctx context.Context) (ServerInfo, error) {
	s := ServerInfo{DataSource: c.ds.Name, Version: c.info.ServerVersion, Flavour: c.info.Flavour}
	if err := c.probeVariables(ctx, &s); err != nil {
		return ServerInfo{}, fmt.Errorf("probe %s: %w", c.ds.Name, err)
	}
	if err := c.probeClock(ctx, &s); err != nil {
		return ServerInfo{}, fmt.Errorf("probe %s: %w", c.ds.Name, err)
	}
	return s, nil
}

func (c *Conn) probeVariables(ctx context.Context, s *ServerInfo) error {
	numbers := s.numbers()
	names := slices.Concat(sessionSettings, serverSettings, trackingSettings, slices.Collect(maps.Keys(numbers)),
		[]string{"version", "log_bin", "server_id", "server_uuid", "system_time_zone", oldIsolation, oldReadOnly})
	s.Session, s.Server, s.Tracking = map[string]string{}, map[string]string{}, map[string]string{}
	_, rows, err := c.QueryRows(ctx, "SHOW VARIABLES WHERE Variable_name IN ('"+strings.Join(names, "','")+"')")
	if err != nil {
		return err
	}
	for _, row := range rows {
		name, value := string(row[0]), string(row[1])
		if slices.Contains(sessionSettings, newName(name)) {
			s.Session[newName(name)] = value
		}
		if Tracks(name) {
			s.Tracking[name] = value
		}
		if slices.Contains(serverSettings, name) {
			s.Server[name] = value
		}
		if err := s.number(numbers, name, value); err != nil {
			return fmt.Errorf("variable %s: %w", name, err)
		}
	}
	return nil
}

func (s *ServerInfo) number(numbers map[string]*int64, name, value string) (err error) {
	switch name {
	case "version":
		s.Version = value
	case "log_bin":
		s.LogsBinary = value != "OFF"
	case "server_uuid":
		s.ServerUUID = value
	case "system_time_zone":
		s.SystemTimeZone = value
	case "lower_case_table_names":
		s.LowerCaseTableNames, err = strconv.Atoi(value)
	case "server_id":
		s.ServerID, err = strconv.ParseUint(value, 10, 64)
	default:
		if n := numbers[name]; n != nil {
			*n, err = strconv.ParseInt(value, 10, 64)
		}
	}
	return err
}

func (c *Conn) probeClock(ctx context.Context, s *ServerInfo) error {
	began := time.Now()
	_, rows, err := c.QueryRows(ctx, "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6))*1000000 AS UNSIGNED)")
	if err != nil {
		return err
	}
	middle := began.Add(time.Since(began) / 2)
	if len(rows) != 1 || rows[0][0] == nil {
		return fmt.Errorf("the server's clock answered %d rows", len(rows))
	}
	return s.clock(rows[0], middle)
}

func (s *ServerInfo) clock(row sqltypes.Row, ours time.Time) error {
	us, err := strconv.ParseInt(string(row[0]), 10, 64)
	if err != nil {
		return fmt.Errorf("the server's clock: %w", err)
	}
	s.ClockOffset = time.UnixMicro(us).Sub(ours)
	return nil
}
