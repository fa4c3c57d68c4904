"use strict";
const featuresPanel = () => null;
