package linesim

import (
	"fmt"
	"net/http"
)

// controlTrigger answers POST /sim/trigger: an event as it is given, a whole body, or a template.
func (s *Simulator) controlTrigger(r *http.Request) (int, any, error) {
	req := struct {
		Body      *string `json:"body"`
		Signature string  `json:"signature"`
		Template
	}{}
	if err := readJSON(r, &req); err != nil {
		return 0, nil, err
	}
	if req.Body != nil {
		if req.Event != nil || req.Type != "" || req.WebhookEventID != "" {
			return 0, nil, fmt.Errorf("%w template: a body stands alone", ErrInvalid)
		}
		ids, err := s.TriggerBody([]byte(*req.Body), req.Signature)
		return http.StatusAccepted, map[string][]string{"webhookEventIds": ids}, err
	}
	ids, err := s.TriggerTemplate(req.Template)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusAccepted, map[string]any{"webhookEventId": ids[0], "webhookEventIds": ids}, nil
}

// controlEvent answers GET /sim/events/{id}.
func (s *Simulator) controlEvent(r *http.Request) (int, any, error) {
	raw, err := s.Event(r.PathValue("id"))
	return http.StatusOK, raw, err
}

// controlPath answers GET /sim/path/{id}.
func (s *Simulator) controlPath(r *http.Request) (int, any, error) {
	steps, err := s.EventPath(r.Context(), r.PathValue("id"))
	if steps == nil {
		steps = []Step{} // known, but not sent yet
	}
	return http.StatusOK, map[string][]Step{"steps": steps}, err
}

// page reads after and limit of a list of records.
func page(r *http.Request) (after int64, limit int, err error) {
	if after, err = queryInt(r, "after", 0); err != nil {
		return 0, 0, err
	}
	n, err := queryInt(r, "limit", callRecords)
	if err != nil {
		return 0, 0, err
	}
	return after, int(min(n, callRecords)), nil
}

// controlWebhooks answers GET /sim/webhooks.
func (s *Simulator) controlWebhooks(r *http.Request) (int, any, error) {
	after, limit, err := page(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string][]Webhook{"webhooks": s.Webhooks(after, limit)}, nil
}

// controlCalls answers GET /sim/calls.
func (s *Simulator) controlCalls(r *http.Request) (int, any, error) {
	after, limit, err := page(r)
	if err != nil {
		return 0, nil, err
	}
	endpoint := r.URL.Query().Get("endpoint")
	if endpoint != "" && !isEndpoint(endpoint) {
		return 0, nil, fmt.Errorf("%w endpoint: there is no %s", ErrInvalid, quoteID(endpoint))
	}
	return http.StatusOK, map[string][]Call{"calls": s.Calls(CallQuery{Endpoint: endpoint, After: after, Limit: limit})}, nil
}

// controlStats answers GET /sim/stats.
func (s *Simulator) controlStats(*http.Request) (int, any, error) {
	return http.StatusOK, s.Stats(), nil
}

// controlFaults answers GET /sim/faults.
func (s *Simulator) controlFaults(*http.Request) (int, any, error) {
	return http.StatusOK, s.Faults(), nil
}

// controlSetFaults answers PUT /sim/faults with the faults that hold from now on.
func (s *Simulator) controlSetFaults(r *http.Request) (int, any, error) {
	var f Faults
	if err := readJSON(r, &f); err != nil {
		return 0, nil, err
	}
	if err := s.SetFaults(f); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.Faults(), nil
}

// controlRates answers GET /sim/rates.
func (s *Simulator) controlRates(*http.Request) (int, any, error) {
	return http.StatusOK, s.Rates(), nil
}

// controlSetRates answers PUT /sim/rates with the limits that hold from now on.
func (s *Simulator) controlSetRates(r *http.Request) (int, any, error) {
	var rates Rates
	if err := readJSON(r, &rates); err != nil {
		return 0, nil, err
	}
	if err := s.SetRates(rates); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.Rates(), nil
}
