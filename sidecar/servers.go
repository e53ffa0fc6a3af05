package sidecar

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

// servers knows what the data sources are set to: what all sessions start with is the one server's that is named first,
// and where another cannot be brought to that, it is said aloud.
type servers struct {
	config *config.Config
	log    *zap.Logger
	pools  *backend.Pools
	infos  []backend.ServerInfo // that answered at the start, first the one whose settings all get

	work sync.WaitGroup // comparisons of servers that answer later
	mu   sync.Mutex     // guards known
	// known are those that have been compared, with their versions.
	known map[string]bool
}

// probeWait bounds how long data sources may take to say what they are set to.
const probeWait = 30 * time.Second

// askAgain is how long after an attempt data sources are asked again of which none answers.
const askAgain = time.Second

// await returns when the pools bring their connections to what a data source is set to: one that answers, or the one that
// the configuration names. lacks is told of each attempt for which none did.
func (s *servers) await(ctx context.Context, lacks func(why error)) error {
	said := newNotices(s.log)
	for {
		why, err := s.probe(ctx, said)
		if why == nil || err != nil {
			return err
		}
		said.problem("statements, which wait for a data source", why)
		lacks(why)
		if err := pause(ctx, askAgain); err != nil {
			return err
		}
	}
}

// probe asks all data sources at once. lacks is why there is nothing to begin with yet.
func (s *servers) probe(ctx context.Context, said *notices) (lacks, err error) {
	names := s.pools.Names()
	infos, failures := s.ask(ctx, names)
	var answered []backend.ServerInfo // in the order of the names
	for i, name := range names {
		if failures[i] == nil {
			answered = append(answered, infos[i])
			continue
		}
		said.problem("data source "+name+", which does not answer", failures[i])
	}
	if len(answered) == 0 {
		return fmt.Errorf("no data source answers: %w", errors.Join(failures...)), nil
	}
	if first := s.config.Server.SettingsOf; first != "" {
		if !slices.Contains(names, first) {
			return nil, fmt.Errorf("server.settings_of: %s is no data source", first)
		}
		at := slices.IndexFunc(answered, func(i backend.ServerInfo) bool { return i.DataSource == first })
		if at < 0 {
			return fmt.Errorf("server.settings_of: data source %s does not answer: %w", first, failures[slices.Index(names, first)]), nil
		}
		answered[0], answered[at] = answered[at], answered[0]
	}
	known := map[string]bool{}
	for _, i := range answered {
		known[i.DataSource] = true
	}
	s.mu.Lock()
	s.infos, s.known = answered, known
	s.mu.Unlock()
	s.say(answered)
	s.pools.SetBase(backend.BaseOf(&answered[0]))
	return nil, nil
}

// ask asks data sources what they are set to; of each there is one or the other.
func (s *servers) ask(ctx context.Context, names []string) ([]backend.ServerInfo, []error) {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	infos, failures := make([]backend.ServerInfo, len(names)), make([]error, len(names))
	var asking sync.WaitGroup
	for i, name := range names {
		asking.Go(func() { infos[i], failures[i] = s.pools.Probe(ctx, name) })
	}
	asking.Wait()
	return infos, failures
}

// say tells where servers differ, of which the first is the one whose settings all get.
func (s *servers) say(infos []backend.ServerInfo) {
	for _, d := range backend.Compare(infos) {
		if d.Settable {
			s.log.Info("servers are set differently; all sessions get what the first has", zap.Stringer("difference", d))
			continue
		}
		s.log.Warn("servers are set differently, and no session can change it", zap.Stringer("difference", d))
	}
}

// met is told of every server that is connected to for the first time.
func (s *servers) met(dataSource string, refused []backend.Refusal) {
	for _, r := range refused {
		s.log.Warn("a data source does not take a setting that all sessions get", zap.String("data_source", dataSource),
			zap.String("setting", r.Setting), zap.String("value", r.Want), zap.Error(r.Err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || s.known[dataSource] {
		return
	}
	s.known[dataSource] = true
	s.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		info, err := s.pools.Probe(ctx, dataSource)
		s.mu.Lock()
		first := s.infos[0]
		if err != nil {
			delete(s.known, dataSource) // at its next connection
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
		if backend.IsEndpoint(dataSource) {
			info.Server["read_only"] = first.Server["read_only"] // as it should be
		}
		s.say([]backend.ServerInfo{first, info})
	})
}

// oldest is the server whose version and flavour are claimed unless the configuration says otherwise.
func (s *servers) oldest() backend.ServerInfo {
	low := s.infos[0]
	for _, i := range s.infos[1:] {
		if i.Flavour.Version < low.Flavour.Version {
			low = i
		}
	}
	return low
}

// ownVersion is the claimed version as VERSION() says it, where it is not what each server says; "" where it is.
func (s *servers) ownVersion(claimed string) string {
	claimed = strings.TrimPrefix(claimed, "5.5.5-")
	for _, i := range s.infos {
		if strings.TrimPrefix(i.Version, "5.5.5-") != claimed {
			return claimed
		}
	}
	return ""
}

// charsetCollations are the default collations that the servers have configured for charsets; none where one of the
// servers knows no such thing, and would not know the collations either.
func (s *servers) charsetCollations() map[string]string {
	out := map[string]string{}
	for _, info := range s.infos {
		if _, known := info.Session["character_set_collations"]; !known {
			return nil
		}
	}
	for pair := range strings.SplitSeq(s.infos[0].Session["character_set_collations"], ",") {
		if charset, collation, ok := strings.Cut(pair, "="); ok {
			out[charset] = collation
		}
	}
	return out
}

// initial is what sessions start with, of what the proxy itself has to know.
func (s *servers) initial() session.Initial {
	info := &s.infos[0]
	number := func(name string, otherwise int64) int64 {
		if n, err := strconv.ParseInt(info.Session[name], 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	collations := s.charsetCollations()
	return session.Initial{
		CharsetCollations: collations,
		SQLMode:           info.Session["sql_mode"], Charset: "utf8mb4", Collation: info.Session["collation_server"],
		Autocommit:        info.Session["autocommit"] != "OFF",
		GroupConcatMaxLen: number("group_concat_max_len", 1<<20), DivPrecision: number("div_precision_increment", 4),
		LowerCaseTables: info.LowerCaseTableNames, Tracking: info.Tracking,
		LogsBinary: slices.ContainsFunc(s.infos, func(i backend.ServerInfo) bool { return i.LogsBinary }),
		MaxPacket:  slices.MinFunc(s.infos, func(a, b backend.ServerInfo) int { return cmp.Compare(a.MaxAllowedPacket, b.MaxAllowedPacket) }).MaxAllowedPacket,
	}
}
