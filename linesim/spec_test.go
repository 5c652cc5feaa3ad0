package linesim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// spec is one of LINE's OpenAPI files.
type spec struct {
	doc        *openapi3.T
	operations []operation
}

// operation is one method of one path.
type operation struct {
	route *routers.Route
	path  *regexp.Regexp // with the path's parameters as groups
}

// loadSpec reads one of LINE's OpenAPI files (github.com/line/line-openapi). They are not part of this
// repository: the test is skipped where they are not found.
func loadSpec(t *testing.T, name string) *spec {
	t.Helper()
	folder := os.Getenv("FRONTDESK_LINE_OPENAPI")
	if folder == "" {
		folder = filepath.Join("..", "..", "shared", "line-openapi")
	}
	file := filepath.Join(folder, name)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("LINE's specification is not here: set FRONTDESK_LINE_OPENAPI to a folder with %s, or put it into shared/line-openapi beside the checkout", name)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	resolveTypes(doc)
	s := &spec{doc: doc}
	for template, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			pattern := regexp.MustCompile(`\\\{(\w+)\\\}`).ReplaceAllString(regexp.QuoteMeta(template), `(?P<$1>[^/]+)`)
			s.operations = append(s.operations, operation{
				route: &routers.Route{Spec: doc, Path: template, PathItem: item, Method: method, Operation: op},
				path:  regexp.MustCompile("^" + pattern + "$"),
			})
		}
	}
	return s
}

// resolveTypes writes the types of the specification, which say "one of these, by the property type" only in the
// mapping of their discriminator, in the form that a validator follows: as oneOf.
func resolveTypes(doc *openapi3.T) {
	for _, ref := range doc.Components.Schemas {
		whole := ref.Value
		if whole.Discriminator == nil || len(whole.OneOf) > 0 {
			continue
		}
		common := *whole
		common.Discriminator = nil
		for _, m := range whole.Discriminator.Mapping {
			name := path.Base(m.Ref)
			kind := doc.Components.Schemas[name].Value
			for i, part := range kind.AllOf {
				if part.Value == whole {
					kind.AllOf[i] = openapi3.NewSchemaRef("", &common)
				}
			}
			whole.OneOf = append(whole.OneOf, openapi3.NewSchemaRef("#/components/schemas/"+name, kind))
		}
		whole.Type, whole.Properties, whole.Required = nil, nil, nil
	}
}

// valid compares a JSON document with a schema of the specification.
func (s *spec) valid(t *testing.T, schema string, raw []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Errorf("%s: %v", raw, err)
		return
	}
	if err := s.doc.Components.Schemas[schema].Value.VisitJSON(v, openapi3.MultiErrors()); err != nil {
		t.Errorf("%s is no %s: %v", raw, schema, err)
	}
}

// find returns the operation of a request and its path parameters; of several, the one that is literal longest.
func (s *spec) find(method, path string) (best operation, params map[string]string) {
	literal := func(op operation) int { return strings.Index(op.route.Path+"{", "{") }
	for _, op := range s.operations {
		m := op.path.FindStringSubmatch(path)
		if m == nil || op.route.Method != method || best.route != nil && literal(op) <= literal(best) {
			continue
		}
		best, params = op, map[string]string{}
		for i, name := range op.path.SubexpNames()[1:] {
			params[name] = m[i+1]
		}
	}
	return best, params
}

// input describes a request for the validator. Its body can be read again after.
func (s *spec) input(r *http.Request) (*openapi3filter.RequestValidationInput, error) {
	op, params := s.find(r.Method, r.URL.Path)
	if op.route == nil {
		return nil, fmt.Errorf("%s %s is not in the specification", r.Method, r.URL.Path)
	}
	return &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: op.route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true, SkipSettingDefaults: true},
	}, nil
}

// checkRequest validates a request by the specification.
func (s *spec) checkRequest(r *http.Request) error {
	in, err := s.input(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	defer func() { r.Body = io.NopCloser(bytes.NewReader(body)) }()
	kind := r.Header.Get("Content-Type")
	in.Options.ExcludeRequestBody = kind == "image/png" || kind == formType
	switch {
	case len(body) > 0 && in.Route.Operation.RequestBody == nil:
		return fmt.Errorf("%s %s takes no body", r.Method, r.URL.Path)
	case kind == formType:
		if err := checkForm(in.Route.Operation, string(body)); err != nil {
			return fmt.Errorf("%s %s %s: %w", r.Method, r.URL.Path, body, err)
		}
	}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
		return fmt.Errorf("%s %s %s: %w", r.Method, r.URL.Path, body, err)
	}
	return nil
}

const formType = "application/x-www-form-urlencoded"

// checkForm validates a form, as an object of strings.
func checkForm(op *openapi3.Operation, body string) error {
	form, err := url.ParseQuery(body)
	if err != nil {
		return err
	}
	values := map[string]any{}
	for name := range form {
		values[name] = form.Get(name)
	}
	return op.RequestBody.Value.Content.Get(formType).Schema.Value.VisitJSON(values)
}

// undocumented are the statuses that the reference defines for all operations and the specification leaves out.
var undocumented = map[int]bool{400: true, 401: true, 404: true, 409: true, 413: true, 415: true, 429: true, 500: true}

// checkAnswer validates the answer to a request by the specification.
func (s *spec) checkAnswer(r *http.Request, w *httptest.ResponseRecorder) error {
	in, err := s.input(r)
	if err != nil {
		return err
	}
	documented := in.Route.Operation.Responses.Status(w.Code)
	if documented == nil && !undocumented[w.Code] {
		return fmt.Errorf("status %d is not in the specification", w.Code)
	}
	if documented == nil || documented.Value.Content == nil {
		if !json.Valid(w.Body.Bytes()) {
			return fmt.Errorf("%s is not JSON", w.Body)
		}
		return nil
	}
	if documented.Value.Content.Get("application/json") == nil {
		return nil // bytes
	}
	return openapi3filter.ValidateResponse(context.Background(), (&openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: w.Code, Header: w.Header(),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}).SetBodyBytes(w.Body.Bytes()))
}

// names returns the operation ids of the specification.
func (s *spec) names() map[string]bool {
	out := map[string]bool{}
	for _, op := range s.operations {
		out[op.route.Operation.OperationID] = true
	}
	return out
}

// TestSpecHelper makes sure that the validation finds what is wrong.
func TestSpecHelper(t *testing.T) {
	api := loadSpec(t, "messaging-api.yml")
	if len(api.operations) < 73 {
		t.Errorf("%d operations", len(api.operations))
	}
	for name, body := range map[string]string{
		"no messages":     `{"to":"` + hanako + `"}`,
		"no type":         `{"to":"` + hanako + `","messages":[{"text":"a"}]}`,
		"unknown type":    `{"to":"` + hanako + `","messages":[{"type":"dance"}]}`,
		"text is missing": `{"to":"` + hanako + `","messages":[{"type":"text"}]}`,
		"deep":            `{"to":"` + hanako + `","messages":[{"type":"template","altText":"a","template":{"type":"confirm","text":"a","actions":[{"type":"postback","data":5}]}}]}`,
	} {
		r := httptest.NewRequest("POST", "/v2/bot/message/push", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if api.checkRequest(r) == nil {
			t.Errorf("%s: valid", name)
		}
	}
	r := httptest.NewRequest("POST", "/v2/bot/message/push", strings.NewReader(`{"to":"`+hanako+`","messages":`+hi+`}`))
	r.Header.Set("Content-Type", "application/json")
	if err := api.checkRequest(r); err != nil {
		t.Error(err)
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.WriteString(`{"sentMessages":[]}`)
	if api.checkAnswer(r, w) == nil {
		t.Error("an answer without messages is valid")
	}
}
