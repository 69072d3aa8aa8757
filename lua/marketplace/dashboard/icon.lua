--- The page's icon.
return [[
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5cad"/>
<path d="M7 22V10l9 8 9-8v12" fill="none" stroke="#fff" stroke-width="3.2" stroke-linejoin="round"
stroke-linecap="round"/></svg>
]]
