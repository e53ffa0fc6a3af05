package session

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/txn"
)

// What a client has a session keep counts against memory.session, beside its prepared statements: the values of user variables, which
// its connections are given, the names of savepoints, and the values of heddle_shard_value.

// The operators, as errors name them.
const (
	userVariables = "the session's user variables"
	savepoints    = "the session's savepoints"
	shardValues   = "the session's " + shardValueVar
)

// setUserVar keeps the value of a user variable. All of them have to fit into the one SET by which a connection is given them.
func (s *Session) setUserVar(name, literal string) error {
	more := s.state.UserVarGrowth(name, literal)
	if more > 0 && s.state.UserVarBytes()+more > s.largestSet() {
		return sqlerr.MemoryExceeded(userVariables, "max_allowed_packet")
	}
	if err := s.memory.Reserve(userVariables, more); err != nil {
		return err
	}
	s.state.SetUserVar(name, literal)
	s.memory.Release(-more)
	return nil
}

func (s *Session) unsetUserVar(name string) {
	before := s.state.UserVarBytes()
	s.state.UnsetUserVar(name)
	s.memory.Release(before - s.state.UserVarBytes())
}

// toldLater keeps, of an answer that has ended, the error that what it has assigned has no room: the next statement is told in its
// place, for which the variables are what they were.
func (s *Session) toldLater(err error) error {
	if err == nil {
		return nil
	}
	e := sqlerr.As(err)
	if e == nil || e.Code != sqlerr.CodeOutOfSortMemory || !s.client.Completed() {
		return err
	}
	s.unkept = sqlerr.New(e.Code, e.State, e.Msg+"; what the statement before has assigned is not kept")
	return nil
}

// besideUserVars is what a SET that gives a connection its state has beside user variables, at the most.
const besideUserVars = 64 << 10

// largestSet is how much of user variables one SET can give to a connection.
func (s *Session) largestSet() int64 {
	most := int64(s.config.MaxPacket)
	if servers := s.srv.Initial.MaxPacket; servers > 0 {
		most = min(most, servers)
	}
	return max(most-besideUserVars, most/2)
}

// forgetState is State.Reset, with what it has held given back.
func (s *Session) forgetState() {
	s.memory.Release(s.state.UserVarBytes())
	s.state.Reset()
}

// doubt has a connection given anew what a statement may have set on it that the session does not take over.
func doubt(h *held, names []string) {
	var vars, user []string
	for _, name := range names {
		if variable, ok := strings.CutPrefix(name, "@@"); ok {
			vars = append(vars, variable)
		} else {
			user = append(user, userName(name))
		}
	}
	h.lease.Doubt(vars, user)
	h.lease.Taint("variables that the session has not taken over")
}

// userName is the name of a user variable that is written as readBack writes it.
func userName(written string) string {
	return strings.ReplaceAll(strings.Trim(written[1:], "`"), "``", "`")
}

// keeping is room for what is read back on its way into the session's state.
type keeping struct {
	s     *Session
	taken int64
}

func (s *Session) roomToKeep() *keeping { return &keeping{s: s} }

func (k *keeping) take(bytes int64) error {
	if err := k.s.memory.Reserve(userVariables, bytes); err != nil {
		return err
	}
	k.taken += bytes
	return nil
}

func (k *keeping) giveBack() { k.s.memory.Release(k.taken) }

// keptPoints is what the savepoints of a transaction hold.
type keptPoints struct {
	of    *txn.Txn
	bytes int64
}

// ownSavepoint reports whether a server may take a name for one of Heddle's savepoints, of which a name that is set again moves. It compares without regard
// to case, accents and spaces behind; here a letter beyond ASCII is any letter.
func ownSavepoint(name string) bool {
	name = strings.TrimRight(name, " ")
	for _, own := range []string{stepSavepoint, txn.GuardPoint} {
		own = strings.Trim(own, "`")
		if at := 0; utf8.RuneCountInString(name) == len(own) && !strings.ContainsFunc(name, func(r rune) bool {
			at++
			return r < utf8.RuneSelf && unicode.ToLower(r) != rune(own[at-1])
		}) {
			return true
		}
	}
	return false
}

// keepSavepoint takes place for one more.
func (s *Session) keepSavepoint(name string) error {
	if ownSavepoint(name) {
		return sqlerr.OwnSavepoint(name)
	}
	s.followSavepoints()
	bytes := savepointWeight(len(name))
	if err := s.memory.Reserve(savepoints, bytes); err != nil {
		return err
	}
	s.points.of, s.points.bytes = s.txn, s.points.bytes+bytes
	return nil
}

// savepointWeight is about what a savepoint holds, here and in what is sent to each shard that takes part later.
func savepointWeight(name int) int64 { return int64(4*name + 128) }

// countSavepoints gives back what those have held that are gone while the transaction goes on.
func (s *Session) countSavepoints() {
	s.followSavepoints()
	if s.txn == nil || s.points.bytes == 0 {
		return
	}
	n, names := s.txn.Savepoints()
	now := min(int64(n)*savepointWeight(0)+4*int64(names), s.points.bytes)
	s.memory.Release(s.points.bytes - now)
	s.points.bytes = now
}

// followSavepoints gives back what those of a transaction that has ended have held.
func (s *Session) followSavepoints() {
	if s.points.bytes > 0 && s.points.of != s.txn {
		s.memory.Release(s.points.bytes)
		s.points = keptPoints{}
	}
}
