"""Speech to text by services: what writes down what the user says, for the pipeline.

``carrier`` carries sound and texts over a WebSocket; what they mean is in a vendor's rules
(``rules.Rules``), which are pure. ``openai`` asks over HTTP.
"""
