package observe

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// LogLevel is how much is logged: as the configuration says, or for a while as an operator says.
type LogLevel struct {
	level zap.AtomicLevel

	mu         sync.Mutex
	configured zapcore.Level
	until      time.Time   // an operator's is over; the zero time: there is none
	over       *time.Timer // nil: likewise
}

// NewLogLevel returns one of a log whose level is as configured.
func NewLogLevel(level zap.AtomicLevel) *LogLevel {
	return &LogLevel{level: level, configured: level.Level()}
}

// LogState is what is logged.
type LogState struct {
	Level      string     `json:"level"` // and above
	Configured string     `json:"configured"`
	Until      *time.Time `json:"until,omitempty"` // when the configured level is back; nil: it is in force
}

// Configure has the configuration say another level. What an operator says goes on until it is over.
func (l *LogLevel) Configure(level zapcore.Level) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.configured = level; l.over == nil {
		l.level.SetLevel(level)
	}
}

// Set has the level be another one for a while, in place of what an operator has said before. With 0 the configured one is back.
func (l *LogLevel) Set(level zapcore.Level, lasts time.Duration) LogState {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over != nil {
		l.over.Stop()
		l.over, l.until = nil, time.Time{}
	}
	if lasts <= 0 {
		l.level.SetLevel(l.configured)
		return l.state()
	}
	l.level.SetLevel(level)
	l.until = time.Now().Add(lasts)
	var mine *time.Timer
	mine = time.AfterFunc(lasts, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.over == mine {
			l.over, l.until = nil, time.Time{}
			l.level.SetLevel(l.configured)
		}
	})
	l.over = mine
	return l.state()
}

// State is what is logged now.
func (l *LogLevel) State() LogState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state()
}

func (l *LogLevel) state() LogState {
	s := LogState{Level: l.level.Level().String(), Configured: l.configured.String()}
	if !l.until.IsZero() {
		until := l.until
		s.Until = &until
	}
	return s
}

// mostLogged is how long an operator's level may last: what is forgotten must not fill the disk.
const mostLogged = 24 * time.Hour

// logLevel answers what is logged, and at a PUT changes it for a while.
func (s *Server) logLevel(w http.ResponseWriter, r *http.Request) {
	l := s.level.Load()
	if l == nil {
		http.Error(w, "the log of this process has no level", http.StatusNotFound)
		return
	}
	if r.Method == http.MethodGet {
		answer(w, l.State())
		return
	}
	if !byAddress(w, r) {
		return
	}
	level, lasts, err := readLevel(http.MaxBytesReader(w, r.Body, 4096))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, l.Set(level, lasts))
}

func readLevel(body io.Reader) (level zapcore.Level, lasts time.Duration, err error) {
	var said struct {
		Level string `json:"level"`
		For   string `json:"for"`
	}
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&said); err != nil {
		return 0, 0, fmt.Errorf(`the body is {"level": "debug", "for": "10m"}, or {} for the configured level: %w`, err)
	}
	if said.Level == "" && said.For == "" {
		return 0, 0, nil
	}
	if level, err = zapcore.ParseLevel(said.Level); err != nil || level > zapcore.ErrorLevel {
		return 0, 0, fmt.Errorf("a level is debug, info, warn or error, not %q", said.Level)
	}
	if lasts, err = time.ParseDuration(said.For); err != nil || lasts <= 0 || lasts > mostLogged {
		return 0, 0, fmt.Errorf("a level is set for up to %v, not for %q", mostLogged, said.For)
	}
	return level, lasts, nil
}
