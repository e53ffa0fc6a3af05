package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
)

// tracker is a session of a client that is told what changes; no server is asked.
func tracker(t *testing.T) *scripted {
	s := newScripted(t, "mesh")
	s.session.srv.Initial.Tracking = map[string]string{
		"session_track_schema": "ON", "session_track_state_change": "OFF", "session_track_transaction_info": "OFF",
		trackedVariables: "autocommit,character_set_client,character_set_connection,character_set_results,time_zone",
	}
	s.session.untold()
	return s
}

// told is what the OK of a command tells, or its ERR.
func (s *scripted) told(t *testing.T, command []byte) string {
	t.Helper()
	s.run(1, nil, command)
	p := s.client.last[4:]
	if wire.IsErr(p) {
		return fmt.Sprint(wire.ParseErr(p).Code)
	}
	var ok wire.OK
	if err := wire.ParseOK(p, wiretest.ClientCaps, &ok); err != nil {
		t.Fatal(err)
	}
	var list []string
	if err := wire.SessionChanges(ok.Track, func(c wire.SessionChange) bool {
		list = append(list, fmt.Sprintf("%d%s=%s", c.Kind, c.Name, c.Value))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if (len(list) > 0) != ok.Status.Has(wire.StatusSessionStateChanged) {
		t.Errorf("%q under the status %#x", list, ok.Status)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestWhatAnOKTells(t *testing.T) {
	s := tracker(t)
	query := func(text string) []byte { return framed(wire.ComQuery, text) }
	for _, step := range []struct {
		command []byte
		want    string
	}{
		{framed(wire.ComPing, ""), ""},
		{query("USE mesh"), "1=mesh"},
		{framed(wire.ComPing, ""), ""},
		{framed(wire.ComInitDB, "mesh"), "1=mesh"},
		{query("USE mesh"), "1=mesh"},
		{query("SET autocommit=0"), "0autocommit=OFF"},
		{query("SET autocommit=1"), "0autocommit=ON"},
		{query("DEALLOCATE PREPARE p"), "1243"},
		{query("SET session_track_transaction_info='STATE'"), "1235"},
		{query("SET session_track_system_variables='last_gtid'"), "1235"},
		{framed(wire.ComResetConnection, ""), ""},
		{query("BEGIN"), ""},
		{query("COMMIT"), ""},
	} {
		if got := s.told(t, step.command); got != step.want {
			t.Errorf("%q: %q, want %q", step.command[4:], got, step.want)
		}
	}
	if len(s.servers) > 0 {
		t.Errorf("%d connections were made", len(s.servers))
	}
}

// What an ERR could not tell waits for the next change, and is forgotten with all else by a reset.
func TestWhatWaitsToBeTold(t *testing.T) {
	s := tracker(t)
	tr := &s.session.tracking
	tr.set("time_zone", "+01:00")
	tr.changed = true
	for _, step := range []struct{ text, want string }{
		{"DEALLOCATE PREPARE p", "1243"}, {"COMMIT", ""}, {"SET autocommit=1", "0autocommit=ON 0time_zone=+01:00"}, {"SET autocommit=1", "0autocommit=ON"},
	} {
		if got := s.told(t, framed(wire.ComQuery, step.text)); got != step.want {
			t.Errorf("%s: %q, want %q", step.text, got, step.want)
		}
	}
	tr.set("time_zone", "+01:00")
	s.told(t, framed(wire.ComResetConnection, ""))
	if got := s.told(t, framed(wire.ComQuery, "SET autocommit=1")); got != "0autocommit=ON" {
		t.Errorf("after a reset: %q", got)
	}
}

func TestWhoIsToldNothing(t *testing.T) {
	s := tracker(t)
	s.session.client.Caps &^= wire.CapSessionTrack
	s.session.untold()
	for _, text := range []string{"USE mesh", "SET autocommit=0"} {
		if got := s.told(t, framed(wire.ComQuery, text)); got != "" {
			t.Errorf("%s: %q", text, got)
		}
	}
}
