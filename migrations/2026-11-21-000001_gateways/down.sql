DROP TABLE sinks;
DROP TABLE gateway_history;
DROP TABLE gateways;
