package observe

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// An operator's level holds for its time, over what is configured meanwhile.
func TestLogLevel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		level := zap.NewAtomicLevelAt(zapcore.InfoLevel)
		l := NewLogLevel(level)
		is := func(want zapcore.Level, ends bool) {
			t.Helper()
			synctest.Wait()
			if s := l.State(); level.Level() != want || s.Level != want.String() || (s.Until != nil) != ends {
				t.Errorf("it is %v, told as %+v, want %v", level.Level(), s, want)
			}
		}
		is(zapcore.InfoLevel, false)
		l.Set(zapcore.DebugLevel, time.Minute)
		is(zapcore.DebugLevel, true)
		l.Configure(zapcore.WarnLevel)
		is(zapcore.DebugLevel, true)
		time.Sleep(time.Minute)
		is(zapcore.WarnLevel, false)
		l.Set(zapcore.DebugLevel, time.Minute)
		l.Set(zapcore.ErrorLevel, time.Hour)
		time.Sleep(2 * time.Minute)
		is(zapcore.ErrorLevel, true)
		l.Set(0, 0)
		is(zapcore.WarnLevel, false)
		time.Sleep(time.Hour)
		l.Configure(zapcore.InfoLevel)
		is(zapcore.InfoLevel, false)
	})
}

// The level is changed over HTTP by who names this machine by its address, and says what is a level and for how long.
func TestLogLevelOverHTTP(t *testing.T) {
	s := New("test")
	level := zap.NewAtomicLevelAt(zapcore.InfoLevel)
	ask := func(method, host, body string) (int, LogState) {
		r := httptest.NewRequest(method, "/log", strings.NewReader(body))
		r.RemoteAddr, r.Host = "127.0.0.1:1", host
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, r)
		var state LogState
		_ = json.Unmarshal(w.Body.Bytes(), &state) // an error's text is none
		return w.Code, state
	}
	if code, _ := ask(http.MethodGet, "127.0.0.1:9", ""); code != http.StatusNotFound {
		t.Errorf("without a log: %d", code)
	}
	s.LogBy(NewLogLevel(level))
	for _, c := range []struct {
		method, host, body string
		code               int
		level              zapcore.Level
	}{
		{http.MethodPut, "127.0.0.1:9", `{"level": "debug", "for": "10m"}`, 200, zapcore.DebugLevel},
		{http.MethodGet, "elsewhere.example:9", "", 200, zapcore.DebugLevel},
		{http.MethodPut, "elsewhere.example:9", "{}", 403, zapcore.DebugLevel},
		{http.MethodPut, "127.0.0.1:9", `{"level": "loud", "for": "10m"}`, 400, zapcore.DebugLevel},
		{http.MethodPut, "127.0.0.1:9", `{"level": "fatal", "for": "10m"}`, 400, zapcore.DebugLevel},
		{http.MethodPut, "127.0.0.1:9", `{"level": "warn"}`, 400, zapcore.DebugLevel},
		{http.MethodPut, "127.0.0.1:9", `{"level": "warn", "for": "1000h"}`, 400, zapcore.DebugLevel},
		{http.MethodPut, "127.0.0.1:9", "", 400, zapcore.DebugLevel},
		{http.MethodPut, "localhost:9", "{}", 200, zapcore.InfoLevel},
	} {
		code, state := ask(c.method, c.host, c.body)
		if code != c.code || level.Level() != c.level || code == 200 && (state.Level != c.level.String() || (state.Until != nil) != (c.level == zapcore.DebugLevel)) {
			t.Errorf("%s %s %s: %d %+v, it is %v", c.method, c.host, c.body, code, state, level.Level())
		}
	}
}
