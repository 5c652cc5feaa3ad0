package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/line-frontdesk/frontdesk/web"
)

func get(t *testing.T, h http.Handler, path string, header http.Header) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func TestHandler(t *testing.T) {
	h := web.Handler(web.Config{Servers: []string{"wss://b.example.com/chat/ws", "wss://c.example.com/chat/ws"}})
	const connect = "connect-src 'self' wss://b.example.com/chat/ws wss://c.example.com/chat/ws " +
		"https://b.example.com/chat/events https://b.example.com/chat/frames https://c.example.com/chat/events https://c.example.com/chat/frames;"
	for _, tc := range []struct{ path, kind, holds string }{
		{"/chat", "text/html; charset=utf-8", `content="wss://b.example.com/chat/ws wss://c.example.com/chat/ws"`},
		{"/chat/client.js", "text/javascript; charset=utf-8", "export { ChatClient }"},
		{"/chat/client/room.js", "text/javascript; charset=utf-8", "export class ChatRoom"},
		{"/chat/page/app.js", "text/javascript; charset=utf-8", "customElements.define"},
		{"/chat/page/base.css", "text/css; charset=utf-8", ":root"},
		{"/chat/page/icon.svg", "image/svg+xml", "<svg"},
	} {
		t.Run(tc.path, func(t *testing.T) {
			res, body := get(t, h, tc.path, http.Header{})
			if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != tc.kind || !strings.Contains(body, tc.holds) {
				t.Errorf("status %d, type %q, want 200, %q and %q in the body", res.StatusCode, res.Header.Get("Content-Type"), tc.kind, tc.holds)
			}
			policy := res.Header.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", connect, "frame-ancestors 'none'"} {
				if !strings.Contains(policy, want) {
					t.Errorf("the policy has no %q: %s", want, policy)
				}
			}
			if strings.Contains(policy, "unsafe") {
				t.Errorf("the policy is not strict: %s", policy)
			}
			again, _ := get(t, h, tc.path, http.Header{"If-None-Match": {res.Header.Get("ETag")}})
			if again.StatusCode != http.StatusNotModified {
				t.Errorf("asked again: status %d, want 304", again.StatusCode)
			}
			small, _ := get(t, h, tc.path, http.Header{"Accept-Encoding": {"gzip"}})
			reader, err := gzip.NewReader(small.Body)
			if err != nil {
				t.Fatal(err)
			}
			if unzipped, err := io.ReadAll(reader); err != nil || string(unzipped) != body {
				t.Errorf("the small one has %d bytes (%v), want the same %d", len(unzipped), err, len(body))
			}
		})
	}
}

// TestOnlyThese serves nothing that is not for pages.
func TestOnlyThese(t *testing.T) {
	h := web.Handler(web.Config{})
	for _, path := range []string{"/chat/", "/chat/package.json", "/chat/web.go", "/chat/test/sends.test.js", "/chat/page/", "/chat/client/../package.json"} {
		if res, _ := get(t, h, path, http.Header{}); res.StatusCode == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
}

// TestNoMarkup keeps the page from making elements of text.
func TestNoMarkup(t *testing.T) {
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|\son[a-z]+="`)
	for _, folder := range []string{"client", "page"} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			text, err := os.ReadFile(folder + "/" + entry.Name())
			if err != nil {
				t.Fatal(err)
			}
			if found := markup.Find(text); found != nil {
				t.Errorf("%s/%s has %s", folder, entry.Name(), found)
			}
		}
	}
}

// TestWords holds that what the page says in English it can say in Japanese,
// and that it says all that it has words for.
func TestWords(t *testing.T) {
	text, err := os.ReadFile("page/words.js")
	if err != nil {
		t.Fatal(err)
	}
	en, ja, ok := strings.Cut(string(text), "const JA")
	if !ok {
		t.Fatal("no Japanese words")
	}
	ja, _, _ = strings.Cut(ja, "/** The language of the page")
	key := regexp.MustCompile(`(?m)^  "?([a-z0-9-]+)"?: "(.*)",$`)
	place := regexp.MustCompile(`\{\w+\}`)
	words := map[string]string{}
	for _, m := range key.FindAllStringSubmatch(ja, -1) {
		words[m[1]] = m[2]
	}
	all := key.FindAllStringSubmatch(en, -1)
	if len(all) < 50 {
		t.Fatalf("only %d words found", len(all))
	}
	for _, m := range all {
		japanese, ok := words[m[1]]
		if !ok {
			t.Errorf("no Japanese for %q", m[1])
		}
		for _, p := range place.FindAllString(m[2], -1) {
			if !strings.Contains(japanese, p) {
				t.Errorf("the Japanese for %q lacks %s", m[1], p)
			}
		}
		delete(words, m[1])
	}
	for name := range words {
		t.Errorf("no English for %q", name)
	}
	var page strings.Builder
	entries, err := os.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() == "words.js" {
			continue
		}
		file, err := os.ReadFile("page/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		page.Write(file)
	}
	for _, m := range all {
		if !strings.Contains(page.String(), `"`+m[1]+`"`) {
			t.Errorf("%q is said nowhere", m[1])
		}
	}
}

// TestClient runs the client's own tests, which need Node.js.
func TestClient(t *testing.T) {
	node := tool(t, "node", "the client's tests need Node.js 20")
	cmd := exec.Command(node, "--test", "test/")
	if os.Getenv("CHAT_RUNS") == "" {
		cmd.Env = append(os.Environ(), "CHAT_RUNS=40")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTypes checks the types that the JSDoc comments give, which needs
// TypeScript.
func TestTypes(t *testing.T) {
	tsc := tool(t, "tsc", "the types are checked by TypeScript: npm install --global typescript")
	if out, err := exec.Command(tsc, "--project", ".").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// tool finds a program. Without it the test is skipped, except under CI, where
// .ci/run has put it unless it said so.
func tool(t *testing.T, name, why string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" && os.Getenv("FRONTDESK_NO_NODE") == "" {
			t.Fatalf("CI needs %s: %s", name, why)
		}
		t.Skipf("no %s on this machine: %s", name, why)
	}
	return path
}
