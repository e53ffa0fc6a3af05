package neighbour

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// asker is the account on whose behalf an instance asks.
type asker struct {
	User string `json:"user"`
	All  bool   `json:"all"` // it sees and ends others' sessions too
}

func askerOf(by session.Identity) asker { return asker{User: by.User, All: by.Databases == nil} }

func (a asker) identity() session.Identity {
	id := session.Identity{User: a.User}
	if !a.All {
		id.Databases = []string{}
	}
	return id
}

type killRequest struct {
	asker
	ID    uint32 `json:"id"`
	Query bool   `json:"query"`
}

type killAnswer struct {
	Code    uint16 `json:"code,omitempty"` // of the error; 0: it was done
	State   string `json:"state,omitempty"`
	Message string `json:"message,omitempty"`
}

type listAnswer struct {
	Sessions []client `json:"sessions"`
}

// client is a session. Times are told as durations: clocks differ.
type client struct {
	ID       uint32        `json:"id"`
	User     string        `json:"user"`
	Host     string        `json:"host"`
	Database string        `json:"database"`
	Command  wire.Command  `json:"command"`
	For      time.Duration `json:"for"`
	State    string        `json:"state"`
	Text     []byte        `json:"text"` // no charset is known of it
}

func (c client) info(now time.Time) session.Info {
	return session.Info{
		ID: c.ID, User: c.User, Host: c.Host, Database: c.Database, Command: c.Command, Since: now.Add(-c.For), State: c.State, Text: string(c.Text),
	}
}

// maxQuestion bounds what another instance may ask, bytes.
const maxQuestion = 4 << 10

// Serve answers the other instances, until Close.
func (n *Neighbours) Serve(local Local) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sessions", func(w http.ResponseWriter, r *http.Request) {
		var by asker
		if decode(w, r, &by) {
			encode(w, listOf(local, by))
		}
	})
	mux.HandleFunc("POST /rows", func(w http.ResponseWriter, r *http.Request) {
		var q Question
		if decode(w, r, &q) {
			encode(w, rowsFor(local, q))
		}
	})
	mux.HandleFunc("POST /kill", func(w http.ResponseWriter, r *http.Request) {
		var k killRequest
		if decode(w, r, &k) {
			encode(w, answerOf(local.Kill(k.identity(), k.ID, k.Query)))
		}
	})
	n.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || n.admits(*r.TLS) != nil { // it was in when it connected
			http.Error(w, "no instance of this mesh", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
	n.http.ReadTimeout, n.http.WriteTimeout, n.http.IdleTimeout = 5*time.Second, 10*time.Second, time.Minute
	n.http.MaxHeaderBytes = maxQuestion
	n.http.ErrorLog = zap.NewStdLog(n.cfg.Log)
	n.serving.Go(func() error {
		if err := n.http.Serve(n.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("answer other instances: %w", err)
		}
		return nil
	})
}

func listOf(local Local, by asker) listAnswer {
	a := listAnswer{Sessions: []client{}}
	now := time.Now()
	for _, i := range local.List() {
		if by.All || i.User == by.User {
			a.Sessions = append(a.Sessions, client{i.ID, i.User, i.Host, i.Database, i.Command, now.Sub(i.Since), i.State, []byte(i.Text)})
		}
	}
	return a
}

func answerOf(err error) killAnswer {
	if err == nil {
		return killAnswer{}
	}
	e := sqlerr.As(err)
	if e == nil {
		e = sqlerr.Internal(err.Error())
	}
	return killAnswer{Code: e.Code, State: e.State, Message: e.Msg}
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion)).Decode(into); err != nil {
		http.Error(w, "what is asked?", http.StatusBadRequest)
		return false
	}
	return true
}

func encode(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // who has asked does not wait any more
}
