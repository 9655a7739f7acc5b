import { Controller, Get } from '@nestjs/common';
import { SearchPage, SearchQuery } from '#contracts';
import { Access, type Caller, CurrentCaller, Describe, FromQuery, USERS } from '../access/index.js';
import { Search } from './search.js';

/** Finding things whose place nobody remembers. */
@Controller('api/search')
export class SearchController {
  constructor(private readonly search: Search) {}

  @Get()
  @Access(USERS)
  @Describe({
    summary:
      'Files and folders by a part of their name or its beginning, in any case; files by time, size and type too. Without any of these, the files that changed last.',
    answers: { 200: SearchPage },
    problems: ['bad-request'],
  })
  find(@CurrentCaller() caller: Caller, @FromQuery(SearchQuery) query: SearchQuery): Promise<SearchPage> {
    return this.search.run(caller.accountId, query);
  }
}
