package server

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/session"
)

// registry knows the sessions of this instance. It implements session.Peers.
type registry struct {
	ids  ConnectionIDs
	idle sync.Cond // signalled, under mu, when a session leaves and when its connection is closed

	mu       sync.Mutex // guards what follows
	max      int
	sessions map[uint32]*session.Session
	entering map[uint32]net.Conn // those still in the handshake
	users    map[string]int
	open     int // connections, those still in the handshake included
	parting  int // those that have left and are being closed
}

func newRegistry(ids ConnectionIDs) *registry {
	r := &registry{ids: ids, sessions: map[uint32]*session.Session{}, entering: map[uint32]net.Conn{}, users: map[string]int{}}
	r.idle.L = &r.mu
	return r
}

// limit is how many connections may be open from now on.
func (r *registry) limit(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.max = n
}

// enter counts a new connection and gives it an id.
func (r *registry) enter(conn net.Conn) (uint32, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open >= r.max {
		return 0, sqlerr.TooManyConnections()
	}
	id, err := r.ids.Next()
	if err != nil {
		return 0, sqlerr.TooManyConnections()
	}
	r.open++
	r.sessions[id], r.entering[id] = nil, conn
	return id, nil
}

// hurry gives those that are still in the handshake until a time to come out of it.
func (r *registry) hurry(until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.entering {
		_ = conn.SetDeadline(until) // fails only on a closed connection
	}
}

// leave forgets a connection, which is then closed; parted says that it is.
func (r *registry) leave(id uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open--
	r.parting++
	delete(r.sessions, id)
	delete(r.entering, id)
	r.ids.Put(id)
	r.idle.Broadcast()
}

func (r *registry) parted() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parting--
	r.idle.Broadcast()
}

// login counts a connection of an account against its limit; 0: none.
func (r *registry) login(user string, limit int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if limit > 0 && r.users[user] >= limit {
		return sqlerr.TooManyUserConnections(user)
	}
	r.users[user]++
	return nil
}

func (r *registry) logout(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users[user]--; r.users[user] <= 0 {
		delete(r.users, user)
	}
}

func (r *registry) add(id uint32, s *session.Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[id] = s
	delete(r.entering, id)
}

// killTimeout bounds the KILLs that are sent to backends.
const killTimeout = 5 * time.Second

// Kill ends another session's statement, or the session.
func (r *registry) Kill(by session.Identity, id uint32, query bool) error {
	r.mu.Lock()
	s := r.sessions[id]
	r.mu.Unlock()
	if s == nil {
		return sqlerr.NoSuchThread(uint64(id))
	}
	if info := s.Info(); info.User != by.User && by.Databases != nil {
		return sqlerr.KillDenied(uint64(id))
	}
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	s.Kill(ctx, query)
	return nil
}

// List returns the sessions, by id.
func (r *registry) List() []session.Info {
	all := r.all()
	out := make([]session.Info, len(all))
	for i, s := range all {
		out[i] = s.Info()
	}
	slices.SortFunc(out, func(a, b session.Info) int { return int(a.ID) - int(b.ID) })
	return out
}

// all are the sessions of clients that have logged in.
func (r *registry) all() []*session.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*session.Session, 0, len(r.sessions))
	for _, s := range r.sessions {
		if s != nil {
			all = append(all, s)
		}
	}
	return all
}

// wait returns when the last connection is closed, or when ctx ends.
func (r *registry) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.idle.Broadcast()
	})
	defer stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.open+r.parting > 0 && ctx.Err() == nil {
		r.idle.Wait()
	}
	if r.open+r.parting > 0 {
		return ctx.Err()
	}
	return nil
}
